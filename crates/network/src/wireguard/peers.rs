//! Whom a device sends to and hears. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::PublicKey;

/// Another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Where it is.
    pub(crate) endpoint: SocketAddr,
    /// What is sent to it and, from it, heard. No two peers have an address in common.
    pub(crate) ranges: BTreeSet<IpNet>,
}

/// All of them.
pub(crate) type Peers = BTreeMap<PublicKey, Peer>;

impl Peer {
    /// Whether the address is one of its pods'.
    pub(crate) fn has(&self, ip: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(&ip))
    }
}

/// What is to be told a device that has some peers, so that it has others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// These go, first: a range may go over to another.
    pub(crate) removed: Vec<PublicKey>,
    /// These come, or are as they were not.
    pub(crate) set: Peers,
}

/// From what there is to what there is to be.
pub(crate) fn change(present: &Peers, wanted: &Peers) -> Change {
    let removed = present.keys().filter(|key| !wanted.contains_key(key));
    let set = wanted
        .iter()
        .filter(|(key, peer)| present.get(key) != Some(peer));
    Change {
        removed: removed.copied().collect(),
        set: set.map(|(key, peer)| (*key, peer.clone())).collect(),
    }
}
