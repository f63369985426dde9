//! The tables of a node's pods in the kernel, in the network namespace of the thread that made this.

use std::io;

use crate::netfilter::Netfilter;
use crate::netfilter::entry::Entry;
use crate::netfilter::kept::{Kept, Packets};
use crate::netfilter::watch::Watch;
use crate::nft::Nft;
use crate::{Config, RulesError, masquerade, sources};

/// Both of them.
pub(super) struct Tables {
    nft: Nft,
    netfilter: Netfilter,
    masquerade: Kept,
    neighbours: Kept,
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// That of masquerading and host ports ([`crate::masquerade`]).
    Masquerade,
    /// That of what pods send to the bridge ([`crate::neighbours`]).
    Neighbours,
}

impl Tables {
    /// Changes nothing.
    pub(super) fn open(config: &Config) -> Result<Self, RulesError> {
        Ok(Self {
            nft: Nft::find()?,
            netfilter: Netfilter::open()?,
            masquerade: Kept::new(Packets::Inet, &config.table, &masquerade::SETS),
            neighbours: Kept::new(Packets::Bridge, &config.table, &sources::SETS),
        })
    }

    /// Listens for what others change of them.
    pub(super) fn watch(&self, name: &str) -> io::Result<Watch> {
        let name = name.to_owned();
        self.netfilter.watch(move |table| table == name)
    }

    fn of(&mut self, table: Table) -> (&mut Kept, &mut Netfilter, &Nft) {
        let kept = match table {
            Table::Masquerade => &mut self.masquerade,
            Table::Neighbours => &mut self.neighbours,
        };
        (kept, &mut self.netfilter, &self.nft)
    }

    /// Makes one whole, in place of what there is.
    pub(super) fn make(
        &mut self,
        table: Table,
        text: String,
        entries: &[Entry],
    ) -> Result<(), RulesError> {
        let (kept, netfilter, nft) = self.of(table);
        kept.make(nft, netfilter, text, entries)
    }

    /// Whether it is as it was made, with what has come and gone since.
    pub(super) fn is_intact(&mut self, table: Table) -> Result<bool, RulesError> {
        let (kept, netfilter, _) = self.of(table);
        kept.is_intact(netfilter)
    }

    /// Whether it has been made; if not, why.
    pub(super) fn is_made(&self, table: Table) -> Result<(), RulesError> {
        match table {
            Table::Masquerade => self.masquerade.is_made(),
            Table::Neighbours => self.neighbours.is_made(),
        }
    }

    /// Whether there has been one.
    pub(super) fn has_been(&self, table: Table) -> bool {
        match table {
            Table::Masquerade => self.masquerade.has_been(),
            Table::Neighbours => self.neighbours.has_been(),
        }
    }

    pub(super) fn add(&mut self, table: Table, entries: &[Entry]) -> Result<(), RulesError> {
        let (kept, netfilter, _) = self.of(table);
        kept.change(netfilter, &[], entries)
    }

    pub(super) fn remove(&mut self, table: Table, entries: &[Entry]) -> Result<(), RulesError> {
        let (kept, netfilter, _) = self.of(table);
        kept.change(netfilter, entries, &[])
    }

    /// The `nft` that makes them.
    pub(super) fn nft(&self) -> &Nft {
        &self.nft
    }
}
