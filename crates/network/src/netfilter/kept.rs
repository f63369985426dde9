//! Tables that one text makes whole, and in whose sets elements come and go.

use std::collections::HashSet;

use super::Netfilter;
use super::elements::{self, Element, Transaction};
use super::entry::Entry;
use super::structure::Structure;
use crate::error::RulesError;
use crate::nft::Nft;

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
}

#[derive(Debug)]
struct Made {
    structure: Structure,
    elements: HashSet<Element>,
}

impl Kept {
    pub(crate) fn new(packets: Packets, table: &str, sets: &'static [&'static str]) -> Self {
        Self {
            packets,
            table: table.to_owned(),
            sets,
            made: Err(RulesError::Kernel("it is not made yet".to_owned())),
        }
    }

    /// Makes it by a text that replaces whatever there is, so that there is no moment without it. `entries`: what its sets hold then.
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
        let made = nft.apply(&text).and_then(|()| self.look(netfilter));
        let made = made.map(|structure| Made {
            structure,
            elements: entries.iter().map(Entry::element).collect(),
        });
        self.made = made;
        self.is_made()
    }

    fn look(&self, netfilter: &mut Netfilter) -> Result<Structure, RulesError> {
        let structure = Structure::of(netfilter, self.packets.number(), &self.table)?;
        let gone = || RulesError::Kernel(format!("table {} is gone again", self.table));
        structure.ok_or_else(gone)
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
        if structure.as_ref() != Some(&made.structure) {
            return Ok(false);
        }
        let mut there = HashSet::new();
        for set in self.sets {
            there.extend(elements::list(netfilter, family, &self.table, set)?);
        }
        Ok(there == made.elements)
    }

    /// Has its sets hold these, and not those: all of it or nothing.
    pub(crate) fn change(
        &mut self,
        netfilter: &mut Netfilter,
        removed: &[Entry],
        added: &[Entry],
    ) -> Result<(), RulesError> {
        let made = self.made.as_mut().map_err(|error| error.clone())?;
        let encoded = |entries: &[Entry]| entries.iter().map(Entry::element).collect::<Vec<_>>();
        let (mut removed, added) = (encoded(removed), encoded(added));
        // Of what is not there, the kernel would fail to remove it.
        removed.retain(|element| made.elements.contains(element));
        let mut transaction = Transaction::new(&self.table);
        transaction.remove(self.packets.number(), &removed);
        transaction.add(self.packets.number(), &added);
        transaction.commit(netfilter)?;
        for element in &removed {
            made.elements.remove(element);
        }
        made.elements.extend(added);
        Ok(())
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
