//! What all policies are on this node. Pure.
//!
//! Only policies that select a pod of this node count, and of the cluster's pods only those that such a policy's rules name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use navarch_client::{ObjectKey, Snapshot};
use navarch_machinery::labels::Labels;

use super::blocks::{self, Block};
use super::bounds;
use super::compiled::{Compiled, Direction, Namespaces, Peer, PodPeer, PortNumber, Rule};
use super::dns;
use super::element::{Elements, Key, Value};
use super::id::{self, Id, Naming};
use super::local::LocalPod;
use super::pods::{self, NamedPort};
use super::ports::PortSet;
use crate::family::Family;

mod atoms;
mod groups;
mod identities;
mod share;

use groups::Group;
use identities::Identity;
use share::Share;

/// What a plan is made of.
pub(crate) struct Cluster<'a> {
    pub(crate) policies: &'a Snapshot<NetworkPolicy>,
    pub(crate) namespaces: &'a Snapshot<Namespace>,
    pub(crate) pods: &'a Snapshot<Pod>,
    /// The pods of this node, by sandbox.
    pub(crate) local: &'a BTreeMap<String, LocalPod>,
    /// Where this node answers cluster DNS.
    pub(crate) dns: Option<SocketAddr>,
}

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// What policies are on this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The elements of its tables.
    pub(crate) elements: Elements,
    /// By namespace: the pods that are allowed nothing, for what they are allowed is too much ([`super::bounds`]).
    pub(crate) denied: Denied,
}

/// Addresses of pods, by namespace.
pub(crate) type Denied = BTreeMap<String, BTreeSet<IpAddr>>;

/// What policies are on this node.
pub(crate) fn plan(cluster: &Cluster<'_>) -> Plan {
    let mut draft = Draft::default();
    let (groups, atoms) = groups::of(cluster);
    let identities = identities::of(cluster, &atoms);
    let numbered = numbered(&identities, &atoms);
    let mut shares = Vec::new();
    for group in &groups {
        draft.isolate(group);
        match Share::of(group, &numbered) {
            Some(share) => shares.push((share.size(), group, share)),
            None => draft.deny(group),
        }
    }
    // So nobody has others' pods denied by what they write.
    shares.sort_by_key(|(size, ..)| *size);
    for (size, group, share) in shares {
        match draft.size + size <= bounds::OF_NODE {
            true => draft.take(group, share, size),
            false => draft.deny(group),
        }
    }
    let is_egress = |group: &Group| group.direction == Direction::Egress;
    if let Some(at) = cluster.dns.filter(|_| groups.iter().any(is_egress)) {
        dns::judge(at, &mut draft.plan.elements);
    }
    for (identity, number) in numbered {
        draft.identify(&identities[identity], number);
    }
    draft.finish()
}

/// The identities with their numbers.
fn numbered<'a>(
    identities: &'a BTreeMap<Identity, BTreeSet<IpAddr>>,
    atoms: &atoms::Atoms,
) -> Vec<(&'a Identity, u32)> {
    let ids = identities.keys().map(|identity| identity.id(atoms));
    let ids: Vec<Id> = ids.collect();
    let numbers = id::numbers(&ids.iter().copied().collect());
    let numbers = ids.iter().map(|id| numbers[id]);
    identities.keys().zip(numbers).collect()
}

#[derive(Default)]
struct Draft {
    plan: Plan,
    /// How many elements there are of those that are bounded.
    size: usize,
    /// Which ports are to be allowed where.
    allowed: Vec<(Key, Id)>,
    ports: BTreeMap<Id, PortSet>,
    /// The identities that may something with pods of a family.
    named: BTreeSet<(Direction, u32, Family)>,
}

impl Draft {
    fn isolate(&mut self, group: &Group) {
        for pod in &group.pods {
            for key in [
                Key::Isolated(*pod),
                Key::Itself(*pod),
                Key::IsolatedIn(group.direction, *pod),
            ] {
                self.plan.elements.insert(key, Value::Present);
            }
        }
    }

    fn deny(&mut self, group: &Group) {
        let denied = self.plan.denied.entry(group.namespace.clone());
        denied.or_default().extend(&group.pods);
    }

    fn take(&mut self, group: &Group, share: Share, size: usize) {
        self.size += size;
        self.allowed.extend(share.allowed);
        self.ports.extend(share.ports);
        for family in group.families() {
            let numbers = share.identities.iter();
            let named = numbers.map(|number| (group.direction, *number, family));
            self.named.extend(named);
        }
    }

    /// Has addresses lead to an identity, where it may something.
    fn identify(&mut self, addresses: &BTreeSet<IpAddr>, number: u32) {
        for direction in DIRECTIONS {
            for address in addresses {
                let named = (direction, number, Family::of(*address));
                if self.named.contains(&named) {
                    let key = Key::Identity(direction, *address);
                    self.plan.elements.insert(key, Value::Identity(number));
                }
            }
        }
    }

    fn finish(mut self) -> Plan {
        let numbers = id::numbers(&self.ports.keys().copied().collect());
        let elements = &mut self.plan.elements;
        for (key, id) in self.allowed {
            let ports = &self.ports[&id];
            if ports.is_everything() {
                elements.insert(key, Value::Everything);
                continue;
            }
            let number = numbers[&id];
            elements.insert(key, Value::Ports(number));
            for range in ports.ranges() {
                let key = Key::Ports(key.family(), number, range);
                elements.insert(key, Value::Present);
            }
        }
        self.plan
    }
}
