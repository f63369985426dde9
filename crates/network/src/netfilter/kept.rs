//! Tables that one text makes whole, and in whose sets elements come and go.

use std::collections::HashSet;
use std::io;

use super::Netfilter;
use super::elements::{self, Element, Transaction};
use super::entry::Entry;
use super::structure::Structure;
use crate::error::RulesError;
use crate::netlink::is_absent;
use crate::nft::Nft;

#[cfg(test)]
mod tests;

/// Of which packets a table is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packets {
    /// Those of IPv4 and IPv6.
    Inet,
    /// Those on bridges.
    Bridge,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Kept {
    packets: Packets,
    table: String,
    /// Those that are looked at.
    sets: &'static [&'static str],
    /// What it was when it was made, with what has come and gone since; or why it was not.
    made: Result<Made, RulesError>,
    /// Whether there has been one, whoever made it.
    has_been: bool,
}

#[derive(Debug)]
struct Made {
    /// Unknown where it could not be looked at.
    structure: Option<Structure>,
    elements: HashSet<Element>,
}

impl Kept {
    pub(crate) fn new(packets: Packets, table: &str, sets: &'static [&'static str]) -> Self {
        Self {
            packets,
            table: table.to_owned(),
            sets,
            made: Err(RulesError::Kernel("it is not made yet".to_owned())),
            has_been: false,
        }
    }

    /// Makes it by a text that replaces whatever there is, so that there is no moment without it. `entries`: what its sets hold then. Where that is
    /// refused, what there is stays, and is kept.
    pub(crate) fn make(
        &mut self,
        nft: &Nft,
        netfilter: &mut Netfilter,
        text: String,
        entries: &[Entry],
    ) -> Result<(), RulesError> {
        let table = match self.packets {
            Packets::Inet => format!("inet {}", self.table),
            Packets::Bridge => format!("bridge {}", self.table),
        };
        let commands = entries.iter().map(|entry| entry.command(&table));
        let text = commands.fold(text, |text, command| text + &command);
        let applied = nft.apply(&text);
        let there = Structure::of(netfilter, self.packets.number(), &self.table);
        let is_gone = matches!(there, Ok(None));
        self.has_been |= applied.is_ok() || matches!(there, Ok(Some(_)));
        if let Err(error) = applied {
            if is_gone || self.made.is_err() {
                self.made = Err(error.clone());
            }
            return Err(error);
        }
        self.made = match is_gone {
            true => Err(RulesError::Kernel(format!(
                "table {} is gone again",
                self.table
            ))),
            false => Ok(Made {
                structure: there.unwrap_or_default(),
                elements: entries.iter().map(Entry::element).collect(),
            }),
        };
        self.is_made()
    }

    /// Whether there has been one, so that packets may be judged by what there is of it.
    pub(crate) fn has_been(&self) -> bool {
        self.has_been
    }

    /// Why it has not been made, if it has not.
    pub(crate) fn is_made(&self) -> Result<(), RulesError> {
        self.made.as_ref().map(drop).map_err(Clone::clone)
    }

    /// Whether it is as it was made, with what has come and gone since.
    pub(crate) fn is_intact(&self, netfilter: &mut Netfilter) -> Result<bool, RulesError> {
        let Ok(made) = &self.made else {
            return Ok(false);
        };
        let family = self.packets.number();
        let structure = Structure::of(netfilter, family, &self.table)?;
        if structure.is_none() || structure != made.structure {
            return Ok(false);
        }
        Ok(self.elements(netfilter)? == made.elements)
    }

    fn elements(&self, netfilter: &mut Netfilter) -> io::Result<HashSet<Element>> {
        let mut there = HashSet::new();
        for set in self.sets {
            let family = self.packets.number();
            there.extend(elements::list(netfilter, family, &self.table, set)?);
        }
        Ok(there)
    }

    /// Has its sets hold these, and not those: all of it or nothing.
    pub(crate) fn change(
        &mut self,
        netfilter: &mut Netfilter,
        removed: &[Entry],
        added: &[Entry],
    ) -> Result<(), RulesError> {
        let made = self.made.as_ref().map_err(Clone::clone)?;
        let encoded = |entries: &[Entry]| entries.iter().map(Entry::element).collect::<Vec<_>>();
        let (mut removed, added) = (encoded(removed), encoded(added));
        // Of what is not there, the kernel would fail to remove it.
        removed.retain(|element| made.elements.contains(element));
        match self.commit(netfilter, &removed, &added) {
            // Somebody else has removed some of them.
            Err(error) if is_absent(&error) => {
                let there = self.elements(netfilter)?;
                let left = removed.iter().filter(|it| there.contains(it));
                let left: Vec<Element> = left.cloned().collect();
                self.commit(netfilter, &left, &added)?;
            }
            done => done?,
        }
        if let Ok(made) = &mut self.made {
            made.elements.retain(|element| !removed.contains(element));
            made.elements.extend(added);
        }
        Ok(())
    }

    fn commit(
        &self,
        netfilter: &mut Netfilter,
        removed: &[Element],
        added: &[Element],
    ) -> io::Result<()> {
        let mut transaction = Transaction::new(&self.table);
        transaction.remove(self.packets.number(), removed);
        transaction.add(self.packets.number(), added);
        transaction.commit(netfilter)
    }
}

impl Packets {
    /// `NFPROTO_INET` and `NFPROTO_BRIDGE`.
    fn number(self) -> u8 {
        match self {
            Self::Inet => 1,
            Self::Bridge => 7,
        }
    }
}
