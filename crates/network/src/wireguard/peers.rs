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
    /// These come, or have other ranges.
    pub(crate) set: Peers,
    /// These are elsewhere. Their ranges are not told again: while a device takes them in anew, it has none.
    pub(crate) moved: BTreeMap<PublicKey, SocketAddr>,
}

/// From what there is to what there is to be.
pub(crate) fn change(present: &Peers, wanted: &Peers) -> Change {
    let removed = present.keys().filter(|key| !wanted.contains_key(key));
    let mut change = Change {
        removed: removed.copied().collect(),
        ..Change::default()
    };
    for (key, peer) in wanted {
        match present.get(key) {
            Some(known) if known == peer => {}
            Some(known) if known.ranges == peer.ranges => {
                change.moved.insert(*key, peer.endpoint);
            }
            _ => {
                change.set.insert(*key, peer.clone());
            }
        }
    }
    change
}
