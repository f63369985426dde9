//! Which ranges are whose: each node's claims, the oldest node's first. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::peer::Peer;
use super::plan::Here;

/// Another node, with those of its ranges that it is heard for.
pub(super) struct Claim<'a> {
    pub(super) peer: &'a Peer,
    pub(super) ranges: Vec<IpNet>,
}

/// Those of all other nodes. Where two claim one range, it is that of the node that was there first.
pub(super) fn claims<'a>(here: &Here, peers: &'a [Peer]) -> Vec<Claim<'a>> {
    let mut others: Vec<&Peer> = peers.iter().filter(|peer| peer.name != here.name).collect();
    others.sort_by_key(|peer| (peer.since.clone(), &peer.name));
    let mut taken = Taken::default();
    for own in here.pod_cidrs.iter() {
        taken.take(own);
    }
    let claim = |peer: &'a Peer| Claim {
        peer,
        ranges: ranges(here, peer, &mut taken),
    };
    others.into_iter().map(claim).collect()
}

fn ranges(here: &Here, peer: &Peer, taken: &mut Taken) -> Vec<IpNet> {
    let mut ranges = Vec::new();
    for (at, range) in peer.pod_cidrs.iter().enumerate() {
        let in_cluster = here.cluster_cidrs.iter().any(|all| all.contains(range));
        let is_free = in_cluster && !is_too_wide(range, here) && taken.take(*range);
        // By its first range the tunnel knows a node: one that has another's is nobody's.
        if !is_free && at == 0 {
            break;
        }
        // Whoever has no addresses of a family has nothing to send from.
        let of_family = here.pod_cidrs.of_family(range.addr().is_ipv4());
        if is_free && of_family.is_some() {
            ranges.push(*range);
        }
    }
    ranges
}

/// Whether a node claims more than nodes are given, which is what this one was given: such a claim would hold the ranges of nodes to come.
fn is_too_wide(range: &IpNet, here: &Here) -> bool {
    let own = here.pod_cidrs.of_family(range.addr().is_ipv4());
    own.is_some_and(|own| range.prefix_len() < own.prefix_len())
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
