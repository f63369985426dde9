//! What all policies are on this node. Pure.
//!
//! Only policies that select a pod of this node count, and of the cluster's pods only those that such a policy's rules name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use navarch_client::{ObjectKey, Snapshot};
use navarch_machinery::labels::Labels;

use super::blocks::{self, Block};
use super::compiled::{Compiled, Direction, Namespaces, Peer, PodPeer, PortNumber, Rule};
use super::element::{Elements, Key, Value};
use super::id::{self, Id, Naming};
use super::local::LocalPod;
use super::pods::{self, NamedPort};
use super::ports::PortSet;
use crate::family::Family;

mod atoms;
mod groups;
mod identities;

use groups::Group;
use identities::Identity;

/// What a plan is made of.
pub(crate) struct Cluster<'a> {
    pub(crate) policies: &'a Snapshot<NetworkPolicy>,
    pub(crate) namespaces: &'a Snapshot<Namespace>,
    pub(crate) pods: &'a Snapshot<Pod>,
    /// The pods of this node, by sandbox.
    pub(crate) local: &'a BTreeMap<String, LocalPod>,
}

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// The elements of this node's tables.
pub(crate) fn plan(cluster: &Cluster<'_>) -> Elements {
    let mut draft = Draft::default();
    let (groups, atoms) = groups::of(cluster);
    for group in &groups {
        draft.isolate(group);
        draft.blocks(group);
    }
    let identities = identities::of(cluster, &atoms);
    let ids: BTreeMap<&Identity, Id> = identities
        .keys()
        .map(|identity| (identity, identity.id(&atoms)))
        .collect();
    let numbers = id::numbers(&ids.values().copied().collect());
    for (identity, addresses) in &identities {
        let number = numbers[&ids[identity]];
        for direction in DIRECTIONS {
            let of_direction = groups.iter().filter(|group| group.direction == direction);
            let families: BTreeSet<Family> = of_direction
                .flat_map(|group| draft.pairs(group, identity, number))
                .collect();
            for address in addresses {
                if families.contains(&Family::of(*address)) {
                    let key = Key::Identity(direction, *address);
                    draft.elements.insert(key, Value::Identity(number));
                }
            }
        }
    }
    draft.finish()
}

#[derive(Default)]
struct Draft {
    elements: Elements,
    /// Which ports are to be allowed where.
    allowed: Vec<(Key, Id)>,
    ports: BTreeMap<Id, PortSet>,
}

impl Draft {
    fn isolate(&mut self, group: &Group) {
        for pod in &group.pods {
            for key in [
                Key::Isolated(*pod),
                Key::Itself(*pod),
                Key::IsolatedIn(group.direction, *pod),
            ] {
                self.elements.insert(key, Value::Present);
            }
        }
    }

    /// What peers may by their addresses.
    fn blocks(&mut self, group: &Group) {
        for family in group.families() {
            for (first, last, ports) in blocks::partition(family, group.blocks()) {
                for pod in group.pods_of(family) {
                    self.allow(Key::Block(group.direction, pod, first, last), &ports);
                }
            }
        }
    }

    /// What an identity may. Returns the families for which that is something.
    fn pairs(&mut self, group: &Group, identity: &Identity, number: u32) -> BTreeSet<Family> {
        let ports = group.ports_of(identity);
        if ports.is_empty() {
            return BTreeSet::new();
        }
        for pod in &group.pods {
            self.allow(Key::Pair(group.direction, number, *pod), &ports);
        }
        group.families()
    }

    fn allow(&mut self, key: Key, ports: &PortSet) {
        if !ports.is_empty() {
            let id = ports.id();
            self.allowed.push((key, id));
            self.ports.entry(id).or_insert_with(|| ports.clone());
        }
    }

    fn finish(mut self) -> Elements {
        let numbers = id::numbers(&self.ports.keys().copied().collect());
        for (key, id) in self.allowed {
            let ports = &self.ports[&id];
            if ports.is_everything() {
                self.elements.insert(key, Value::Everything);
                continue;
            }
            let number = numbers[&id];
            self.elements.insert(key, Value::Ports(number));
            for range in ports.ranges() {
                let key = Key::Ports(key.family(), number, range);
                self.elements.insert(key, Value::Present);
            }
        }
        self.elements
    }
}
