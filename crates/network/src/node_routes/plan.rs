//! Which way leads to each other node's pods. Pure.
//!
//! Two nodes are on one segment where the network of this node's own address holds the other's address. It is that network alone, not any
//! that this host has an interface in, so that both of them come to the same answer: a host that checks where packets come from
//! (`rp_filter` 1) takes those of a pod only by the way on which it would answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use navarch_machinery::ranges::{Ranges, nth};
use sha2::{Digest, Sha256};

use super::claims::{Claim, claims};
use super::holders::{Holders, holders};
use super::peer::Peer;
use crate::config::mac_address;
use crate::wireguard::{self, PublicKey};

/// This node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Here {
    pub(crate) name: String,
    /// Where it is, as its object says it or, before that is known, as it was told.
    pub(crate) addresses: Vec<IpAddr>,
    /// Where its pods are.
    pub(crate) pod_cidrs: Ranges,
    /// Where the pods of the whole cluster are.
    pub(crate) cluster_cidrs: Vec<IpNet>,
    /// Whether all goes through the tunnel, on one segment too.
    pub(crate) always_tunnel: bool,
    /// Where all is encrypted: what packets to this node are encrypted for.
    pub(crate) key: Option<PublicKey>,
}

impl Here {
    /// Where its object is, and says where that is, it is there: all nodes go by that, and it may have moved since it started.
    pub(super) fn is_at_as_told(&mut self, nodes: &[Peer]) {
        let own = nodes.iter().find(|node| node.name == self.name);
        if let Some(own) = own.filter(|own| !own.addresses.is_empty()) {
            self.addresses.clone_from(&own.addresses);
        }
    }
}

/// An address of this host's, with the network that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) own: IpNet,
    /// The index of the interface.
    pub(crate) interface: u32,
}

/// The ways that there are to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// By the range that they lead to.
    pub(crate) direct: BTreeMap<IpNet, Direct>,
    /// By the range that they lead to.
    pub(crate) tunnelled: BTreeMap<IpNet, Tunnelled>,
    /// Where the tunnel begins.
    pub(crate) begin: Option<Begin>,
    /// By what they are encrypted for; then there are no other ways.
    pub(crate) encrypted: wireguard::Peers,
    /// The nodes to whose pods no way leads because they have not said what it would be encrypted for.
    pub(crate) keyless: BTreeSet<String>,
    /// The nodes to whose pods no way leads because what they say it would be encrypted for is another's, which each leads to.
    pub(crate) doubled: BTreeMap<String, String>,
    /// Whose each key is that is said.
    pub(crate) holders: Holders,
    /// The nodes to whose pods, of one family at least, no way leads: they have no address of the tunnel's.
    pub(crate) unreachable: BTreeSet<String>,
}

/// Straight to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Direct {
    /// The node.
    pub(crate) gateway: IpAddr,
    /// The interface that its segment is at.
    pub(crate) interface: u32,
}

/// Through the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tunnelled {
    /// The node's address among its pods.
    pub(crate) gateway: IpAddr,
    /// The hardware address of its end of the tunnel.
    pub(crate) mac: [u8; 6],
    /// The node's address outside.
    pub(crate) host: IpAddr,
}

/// This node's end of the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begin {
    /// The node's address; no interface of this host need have it, where something between translates addresses.
    pub(crate) address: IpAddr,
    /// Whether one has.
    pub(crate) is_own: bool,
    /// The hardware address of this end.
    pub(crate) mac: [u8; 6],
}

/// The ways from `here` to the pods of `peers`, where this host has these addresses. `had`: who has had which key so far.
pub(crate) fn plan(here: &Here, peers: &[Peer], segments: &[Segment], had: &Holders) -> Plan {
    let claims = claims(here, peers);
    let mut plan = Plan {
        holders: holders(here, &claims, had),
        ..Plan::default()
    };
    let Some(address) = outer(&here.addresses, &here.cluster_cidrs, here.pod_cidrs) else {
        // Nobody could come back.
        return plan;
    };
    let own: Vec<Segment> = segments
        .iter()
        .filter(|segment| here.addresses.contains(&segment.own.addr()))
        .copied()
        .collect();
    for Claim { peer, ranges } in claims {
        let is_there =
            |ip: &&IpAddr| is_reachable(ip, &here.cluster_cidrs) && !here.addresses.contains(ip);
        let addresses: Vec<IpAddr> = peer.addresses.iter().filter(is_there).copied().collect();
        let mac = peer.pod_cidrs.first().map(|range| end_of(*range));
        for range in ranges {
            let same_family = |ip: &&IpAddr| ip.is_ipv4() == address.is_ipv4();
            let host = addresses.iter().find(same_family);
            if here.key.is_some() {
                plan.encrypt(peer, range, host.copied());
                continue;
            }
            let way = direct(&own, range, &addresses).filter(|_| !here.always_tunnel);
            if let Some(way) = way {
                plan.direct.insert(range, way);
                continue;
            }
            if let (Some(host), Some(mac)) = (host, mac) {
                let way = Tunnelled {
                    gateway: gateway(range),
                    mac,
                    host: *host,
                };
                plan.tunnelled.insert(range, way);
            } else {
                plan.unreachable.insert(peer.name.clone());
            }
        }
    }
    plan.begin = (!plan.tunnelled.is_empty()).then(|| Begin {
        address,
        is_own: own.iter().any(|segment| segment.own.addr() == address),
        mac: end_of(here.pod_cidrs.first()),
    });
    plan
}

impl Plan {
    /// Adds a range of a peer's to what is encrypted for it.
    fn encrypt(&mut self, peer: &Peer, range: IpNet, host: Option<IpAddr>) {
        let Some(told) = peer.wireguard else {
            self.keyless.insert(peer.name.clone());
            return;
        };
        let holder = self.holders.get(&told.key);
        if let Some(holder) = holder.filter(|holder| **holder != peer.name) {
            self.doubled.insert(peer.name.clone(), holder.clone());
            return;
        }
        let Some(host) = host else {
            self.unreachable.insert(peer.name.clone());
            return;
        };
        let new = || wireguard::Peer {
            endpoint: SocketAddr::new(host, told.port.get()),
            ranges: BTreeSet::new(),
        };
        let known = self.encrypted.entry(told.key).or_insert_with(new);
        known.ranges.insert(range);
    }
}

fn direct(own: &[Segment], range: IpNet, addresses: &[IpAddr]) -> Option<Direct> {
    let of_family = |ip: &&IpAddr| ip.is_ipv4() == range.addr().is_ipv4();
    addresses.iter().filter(of_family).find_map(|ip| {
        let segment = own.iter().find(|segment| segment.own.contains(ip))?;
        Some(Direct {
            gateway: *ip,
            interface: segment.interface,
        })
    })
}

/// Which of a node's addresses the tunnel is at: one of the family of its pods' first range (the cluster's, that is) wherever it has such an
/// address. That all nodes know, whichever address each names first.
pub(super) fn outer(addresses: &[IpAddr], cluster: &[IpNet], pods: Ranges) -> Option<IpAddr> {
    let is_other = |ip: &&IpAddr| ip.is_ipv4() != pods.first().addr().is_ipv4();
    let reachable = addresses.iter().filter(|ip| is_reachable(ip, cluster));
    reachable.min_by_key(is_other).copied()
}

/// Whether packets can go to it from another host. An address of a pod is none of a node: the way to it would lead through itself.
pub(crate) fn is_reachable(ip: &IpAddr, cluster: &[IpNet]) -> bool {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let among_pods = cluster.iter().any(|all| all.contains(ip));
    !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || link_local || among_pods)
}

/// A node's address among its pods: the first, as [`crate::AddressPool`] has it.
pub(super) fn gateway(range: IpNet) -> IpAddr {
    nth(range, 1).unwrap_or(range.network())
}

/// The hardware address of the tunnel's end at the node whose first range this is. Derived, so that no node has to be told it.
fn end_of(range: IpNet) -> [u8; 6] {
    let gateway = gateway(range);
    if gateway.is_ipv4() {
        return mac_address(gateway);
    }
    // The last octets of these are the same on all nodes.
    let digest = Sha256::digest(range.trunc().to_string().as_bytes());
    let mut mac = [0x0a; 6];
    mac.iter_mut()
        .skip(1)
        .zip(digest)
        .for_each(|(octet, digit)| *octet = digit);
    mac
}
