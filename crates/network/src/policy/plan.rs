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
use super::id::{Id, Naming};
use super::local::LocalPod;
use super::pods::{self, NamedPort};
use super::ports::PortSet;
use crate::family::Family;

mod atoms;
mod groups;
mod identities;

use atoms::Atoms;
use groups::Group;

/// What a plan is made of.
pub(crate) struct Cluster<'a> {
    pub(crate) policies: &'a Snapshot<NetworkPolicy>,
    pub(crate) namespaces: &'a Snapshot<Namespace>,
    pub(crate) pods: &'a Snapshot<Pod>,
    /// The pods of this node, by sandbox.
    pub(crate) local: &'a BTreeMap<String, LocalPod>,
}

/// The elements of this node's tables.
pub(crate) fn plan(cluster: &Cluster<'_>) -> Elements {
    let mut draft = Draft::default();
    let (groups, atoms) = draft.isolate(cluster);
    if groups.is_empty() {
        return draft.elements;
    }
    for (identity, addresses) in identities::of(cluster, &atoms) {
        let id = identity.id(&atoms);
        let permitted: BTreeSet<Family> = groups
            .iter()
            .flat_map(|group| draft.pair(group, &identity, id))
            .collect();
        for address in addresses {
            if permitted.contains(&Family::of(address)) {
                draft.put(Key::Identity(address), Value::Id(id));
            }
        }
    }
    for group in &groups {
        draft.blocks(group);
    }
    draft.elements
}

#[derive(Default)]
struct Draft {
    elements: Elements,
}

impl Draft {
    fn put(&mut self, key: Key, value: Value) {
        self.elements.insert(key, value);
    }

    /// The groups of this node's pods, and the peers that their rules name.
    fn isolate(&mut self, cluster: &Cluster<'_>) -> (Vec<Group>, Atoms) {
        let mut atoms = Atoms::default();
        let mut groups: BTreeMap<Id, Group> = BTreeMap::new();
        let mut compiled: BTreeMap<&str, Vec<(&str, Compiled)>> = BTreeMap::new();
        for local in cluster.local.values() {
            let namespace = local.pod.namespace.as_str();
            let policies = compiled
                .entry(namespace)
                .or_insert_with(|| groups::policies_of(cluster, namespace));
            for direction in [Direction::Ingress, Direction::Egress] {
                let pod = cluster.pods.get(&local.pod.key());
                let Some(selected) = groups::select(policies, direction, pod) else {
                    continue;
                };
                let id = selected.id(namespace);
                let group = groups
                    .entry(id)
                    .or_insert_with(|| selected.group(id, &mut atoms));
                for address in &local.ips {
                    group.families.insert(Family::of(*address));
                    self.put(Key::Isolated(*address), Value::Present);
                    self.put(Key::Itself(*address), Value::Present);
                    self.put(Key::Group(direction, *address), Value::Id(id));
                }
            }
        }
        (groups.into_values().collect(), atoms)
    }

    /// What an identity may in a group. Returns the families for which that is something.
    fn pair(&mut self, group: &Group, identity: &identities::Identity, id: Id) -> BTreeSet<Family> {
        let ports = group.ports_of(identity);
        if ports.is_empty() {
            return BTreeSet::new();
        }
        for family in &group.families {
            let value = self.ports(*family, &ports);
            self.put(Key::Pair(group.direction, *family, group.id, id), value);
        }
        group.families.clone()
    }

    fn blocks(&mut self, group: &Group) {
        for family in &group.families {
            for (first, last, ports) in blocks::partition(*family, group.blocks()) {
                if ports.is_empty() {
                    continue;
                }
                let value = self.ports(*family, &ports);
                self.put(Key::Block(group.direction, group.id, first, last), value);
            }
        }
    }

    fn ports(&mut self, family: Family, ports: &PortSet) -> Value {
        let id = ports.id();
        for range in ports.ranges() {
            self.put(Key::Ports(family, id, range), Value::Present);
        }
        Value::Id(id)
    }
}
