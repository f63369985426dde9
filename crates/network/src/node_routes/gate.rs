//! The guard of the tunnel in the kernel: [`guard`] says what it is.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use super::guard;
use crate::error::RulesError;
use crate::netfilter::Netfilter;
use crate::netfilter::kept::{Kept, Packets};
use crate::netfilter::watch::Watch;
use crate::nft::Nft;

/// Its table, in the network namespace of the thread that made this.
pub(super) struct Gate {
    table: String,
    nft: Nft,
    netfilter: Netfilter,
    kept: Kept,
    known: Known,
}

/// What is known of the table.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    /// It lets these in.
    Holds(BTreeSet<IpAddr>),
    /// It is not there.
    Gone,
}

impl Gate {
    /// Changes nothing.
    pub(super) fn open(table: &str) -> Result<Self, RulesError> {
        Ok(Self {
            table: table.to_owned(),
            nft: Nft::find()?,
            netfilter: Netfilter::open()?,
            kept: Kept::new(Packets::Inet, table, &guard::SETS),
            known: Known::Nothing,
        })
    }

    /// Listens for what others change of it.
    pub(super) fn watch(&self) -> io::Result<Watch> {
        let own = self.table.clone();
        self.netfilter.watch(move |table| table == own)
    }

    /// Lets these hosts in, and nobody else. `anew`: others may have changed it.
    pub(super) fn let_in(
        &mut self,
        number: u32,
        hosts: BTreeSet<IpAddr>,
        anew: bool,
    ) -> Result<(), RulesError> {
        let is_known = matches!(&self.known, Known::Holds(known) if *known == hosts);
        if is_known && (!anew || self.kept.is_intact(&mut self.netfilter)?) {
            return Ok(());
        }
        self.known = Known::Nothing;
        let (text, entries) = (
            guard::ruleset(&self.table, number),
            guard::entries(hosts.iter().copied()),
        );
        self.kept
            .make(&self.nft, &mut self.netfilter, text, &entries)?;
        self.known = Known::Holds(hosts);
        Ok(())
    }

    /// Whether it is known not to be there.
    pub(super) fn is_gone(&self) -> bool {
        self.known == Known::Gone
    }

    /// Takes it away.
    pub(super) fn remove(&mut self) -> Result<(), RulesError> {
        self.known = Known::Nothing;
        self.nft.apply(&guard::removal(&self.table))?;
        self.known = Known::Gone;
        Ok(())
    }
}
