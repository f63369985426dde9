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

use super::peer::Peer;
use crate::config::mac_address;
use crate::wireguard::told::Told;
use crate::wireguard::{self, PublicKey};

/// This node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Here {
    pub(crate) name: String,
    /// Where it is, as its object says it.
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

/// The ways from `here` to the pods of `peers`, where this host has these addresses.
pub(crate) fn plan(here: &Here, peers: &[Peer], segments: &[Segment]) -> Plan {
    let mut plan = Plan::default();
    // The tunnel is of the family of the cluster's first range, wherever a node has such an address: that all nodes know, whichever address each
    // names first.
    let is_other = |ip: &&IpAddr| ip.is_ipv4() != here.pod_cidrs.first().addr().is_ipv4();
    let own_addresses = here.addresses.iter().filter(|ip| is_reachable(ip, here));
    let Some(address) = own_addresses.min_by_key(is_other) else {
        // Nobody could come back.
        return plan;
    };
    let own: Vec<Segment> = segments
        .iter()
        .filter(|segment| here.addresses.contains(&segment.own.addr()))
        .copied()
        .collect();
    let mut others: Vec<&Peer> = peers.iter().filter(|peer| peer.name != here.name).collect();
    // Where two claim one range, it is that of the node that was there first.
    others.sort_by_key(|peer| (peer.since.clone(), &peer.name));
    let mut taken = Taken::default();
    for own in here.pod_cidrs.iter() {
        taken.take(own);
    }
    let mut keys = BTreeSet::new();
    for peer in others {
        let is_there = |ip: &&IpAddr| is_reachable(ip, here) && !here.addresses.contains(ip);
        let addresses: Vec<IpAddr> = peer.addresses.iter().filter(is_there).copied().collect();
        // By its first range the tunnel knows a node: one that has another's is nobody's.
        let mac = peer.pod_cidrs.first().map(|range| end_of(*range));
        // Where two say to have one key, it is that of the node that was there first.
        let is_free = |told: &Told| here.key != Some(told.key) && keys.insert(told.key);
        let told = peer.wireguard.filter(is_free);
        for (at, range) in peer.pod_cidrs.iter().enumerate() {
            let in_cluster = here.cluster_cidrs.iter().any(|all| all.contains(range));
            let taken = in_cluster && !is_too_wide(range, here) && taken.take(*range);
            if !taken && at == 0 {
                break;
            }
            // Whoever has no addresses of a family has nothing to send from.
            let of_family = here.pod_cidrs.of_family(range.addr().is_ipv4());
            if !taken || of_family.is_none() {
                continue;
            }
            let same_family = |ip: &&IpAddr| ip.is_ipv4() == address.is_ipv4();
            let host = addresses.iter().find(same_family);
            if here.key.is_some() {
                plan.encrypt(peer, *range, told, host.copied());
                continue;
            }
            let way = direct(&own, *range, &addresses).filter(|_| !here.always_tunnel);
            if let Some(way) = way {
                plan.direct.insert(*range, way);
                continue;
            }
            if let (Some(host), Some(mac)) = (host, mac) {
                let way = Tunnelled {
                    gateway: gateway(*range),
                    mac,
                    host: *host,
                };
                plan.tunnelled.insert(*range, way);
            } else {
                plan.unreachable.insert(peer.name.clone());
            }
        }
    }
    plan.begin = (!plan.tunnelled.is_empty()).then(|| Begin {
        address: *address,
        is_own: own.iter().any(|segment| segment.own.addr() == *address),
        mac: end_of(here.pod_cidrs.first()),
    });
    plan
}

impl Plan {
    /// Adds a range of a peer's to what is encrypted for it.
    fn encrypt(&mut self, peer: &Peer, range: IpNet, told: Option<Told>, host: Option<IpAddr>) {
        let (Some(told), Some(host)) = (told, host) else {
            let without = match told {
                None => &mut self.keyless,
                Some(_) => &mut self.unreachable,
            };
            without.insert(peer.name.clone());
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

/// Whether a node claims more than nodes are given, which is what this one was given: such a claim would hold the ranges of nodes to come.
fn is_too_wide(range: &IpNet, here: &Here) -> bool {
    let own = here.pod_cidrs.of_family(range.addr().is_ipv4());
    own.is_some_and(|own| range.prefix_len() < own.prefix_len())
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

/// Whether packets can go to it from another host. An address of a pod is none of a node: the way to it would lead through itself.
fn is_reachable(ip: &IpAddr, here: &Here) -> bool {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let among_pods = here.cluster_cidrs.iter().any(|all| all.contains(ip));
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

/// Ranges that have no address in common.
#[derive(Default)]
struct Taken(BTreeMap<IpAddr, IpNet>);

impl Taken {
    /// Whether it was free, all of it.
    fn take(&mut self, range: IpNet) -> bool {
        let (first, last) = (range.network(), range.broadcast());
        let before = self.0.range(..=first).next_back();
        let reaches = before.is_some_and(|(_, range)| range.contains(&first));
        if reaches || self.0.range(first..=last).next().is_some() {
            return false;
        }
        self.0.insert(first, range);
        true
    }
}
