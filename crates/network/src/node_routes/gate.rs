//! The guard of the ways between nodes in the kernel: [`guard`] says what it is.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use ipnet::IpNet;

use super::guard;
use crate::error::RulesError;
use crate::netfilter::Netfilter;
use crate::netfilter::entry::Entry;
use crate::netfilter::kept::{Kept, Packets};
use crate::netfilter::watch::Watch;
use crate::nft::{Nft, removal};

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
    /// It keeps packets of pods to the device that encrypts them.
    Sealed,
    /// It is not there.
    Gone,
}

impl Gate {
    /// Changes nothing. `sets`: what the table has elements in.
    pub(super) fn open(table: &str, sets: &'static [&'static str]) -> Result<Self, RulesError> {
        Ok(Self {
            table: table.to_owned(),
            nft: Nft::find()?,
            netfilter: Netfilter::open()?,
            kept: Kept::new(Packets::Inet, table, sets),
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
        let (text, entries) = (
            guard::ruleset(&self.table, number),
            guard::entries(hosts.iter().copied()),
        );
        self.have(Known::Holds(hosts), text, &entries, anew)
    }

    /// Lets nobody in, and nothing out, but by the bridge and the device that encrypts. `anew`: others may have changed it.
    pub(super) fn seal(
        &mut self,
        inside: [&str; 2],
        cluster: &[IpNet],
        anew: bool,
    ) -> Result<(), RulesError> {
        let text = guard::sealed(&self.table, inside, cluster);
        self.have(Known::Sealed, text, &[], anew)
    }

    fn have(
        &mut self,
        wanted: Known,
        text: String,
        entries: &[Entry],
        anew: bool,
    ) -> Result<(), RulesError> {
        let is_known = self.known == wanted;
        if is_known && (!anew || self.kept.is_intact(&mut self.netfilter)?) {
            return Ok(());
        }
        self.known = Known::Nothing;
        self.kept
            .make(&self.nft, &mut self.netfilter, text, entries)?;
        self.known = wanted;
        Ok(())
    }

    /// Whether it is known not to be there.
    pub(super) fn is_gone(&self) -> bool {
        self.known == Known::Gone
    }

    /// Takes it away.
    pub(super) fn remove(&mut self) -> Result<(), RulesError> {
        self.known = Known::Nothing;
        self.nft.apply(&removal(&format!("inet {}", self.table)))?;
        self.known = Known::Gone;
        Ok(())
    }
}
