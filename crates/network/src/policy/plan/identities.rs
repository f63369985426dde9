//! Identities: what a pod's address is to the rules of this node. Pods that the same peers select, and that call the same ports by the names
//! that rules use, are one.

use std::sync::Arc;

use navarch_machinery::labels::Operator;

use super::atoms::{Atom, Atoms};
use super::*;

/// Ascending, each once.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    atoms: Vec<usize>,
    ports: BTreeMap<NamedPort, u16>,
}

/// The addresses of each identity that is anything to anybody.
pub(super) fn of(cluster: &Cluster<'_>, atoms: &Atoms) -> BTreeMap<Identity, BTreeSet<IpAddr>> {
    let mut identities: BTreeMap<Identity, BTreeSet<IpAddr>> = BTreeMap::new();
    if atoms.peers.is_empty() {
        return identities;
    }
    let own = own_addresses(cluster.local);
    let mut namespace: Option<Applicable<'_>> = None;
    let answering = cluster.dns.map(|at| Arc::new(dns::pod(at)));
    let all = cluster.pods.iter().chain(&answering);
    for pod in all.filter(|pod| !pods::is_of_host(pod)) {
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        let key = (ObjectKey::of(&pod.metadata), uid);
        let mut addresses: BTreeSet<IpAddr> = pods::addresses(pod).into_iter().collect();
        addresses.extend(own.get(&key).into_iter().flatten());
        if addresses.is_empty() {
            continue;
        }
        // Pods come by namespace: what it takes to be selected there is looked up once.
        let of_pod = pod.metadata.namespace.as_deref().unwrap_or_default();
        if namespace.as_ref().is_none_or(|known| known.name != of_pod) {
            namespace = Some(Applicable::of(cluster, atoms, of_pod));
        }
        let Some(applicable) = &namespace else {
            continue;
        };
        let selected = applicable.atoms_of(pods::labels(pod.metadata.labels.as_ref()));
        for address in addresses {
            let mut of_address = selected.clone();
            of_address.extend(blocks_of(atoms, address));
            of_address.sort_unstable();
            if !of_address.is_empty() {
                let ports = named_ports(pod, atoms);
                let atoms = of_address;
                let identity = Identity { atoms, ports };
                identities.entry(identity).or_default().insert(address);
            }
        }
    }
    identities
}

/// The peers that pods of a namespace can be.
struct Applicable<'a> {
    name: String,
    /// Those that ask for a label with one value, by that; a pod has few labels, and there may be many peers.
    by_label: BTreeMap<(&'a str, &'a str), Vec<(usize, &'a PodPeer)>>,
    others: Vec<(usize, &'a PodPeer)>,
}

impl<'a> Applicable<'a> {
    fn of(cluster: &Cluster<'_>, atoms: &'a Atoms, name: &str) -> Self {
        let namespace = cluster.namespaces.get(&ObjectKey::new("", name));
        let labels = namespace.and_then(|namespace| namespace.metadata.labels.as_ref());
        let labels = pods::labels(labels);
        let is_there = |peer: &PodPeer| match &peer.namespaces {
            Namespaces::One(own) => own == name,
            // Of one that the API has not told of yet nothing is known: not that it has no label either.
            Namespaces::Labelled(selector) => namespace.is_some() && selector.matches(labels),
        };
        let mut applicable = Self {
            name: name.to_owned(),
            by_label: BTreeMap::new(),
            others: Vec::new(),
        };
        for (index, (atom, _)) in atoms.peers.iter().enumerate() {
            let Atom::Pods(peer) = atom else { continue };
            if !is_there(peer) {
                continue;
            }
            let mut asked = peer.pods.requirements().iter();
            let exact = asked.find(|asked| asked.operator() == Operator::Equals);
            match exact.and_then(|label| Some((label.key(), label.values().first()?.as_str()))) {
                Some(label) => applicable.by_label.entry(label).or_default(),
                None => &mut applicable.others,
            }
            .push((index, peer));
        }
        applicable
    }

    fn atoms_of(&self, labels: &Labels) -> Vec<usize> {
        let by_label = labels
            .iter()
            .filter_map(|(key, value)| self.by_label.get(&(key.as_str(), value.as_str())));
        let peers = by_label.flatten().chain(&self.others);
        peers
            .filter(|(_, peer)| peer.pods.matches(labels))
            .map(|(index, _)| *index)
            .collect()
    }
}

fn blocks_of(atoms: &Atoms, address: IpAddr) -> impl Iterator<Item = usize> {
    let peers = atoms.peers.iter().enumerate();
    peers.filter_map(move |(index, (atom, _))| match atom {
        Atom::Block(block) if block.contains(address) => Some(index),
        _ => None,
    })
}

fn named_ports(pod: &Pod, atoms: &Atoms) -> BTreeMap<NamedPort, u16> {
    let names = atoms.names.iter();
    names
        .filter_map(|name| Some((name.clone(), pods::port(pod, name)?)))
        .collect()
}

/// What this node knows of its own pods before the API does, by name and uid: a pod of the same name may still be ending.
fn own_addresses(local: &BTreeMap<String, LocalPod>) -> BTreeMap<(ObjectKey, &str), Vec<IpAddr>> {
    let mut own: BTreeMap<(ObjectKey, &str), Vec<IpAddr>> = BTreeMap::new();
    for local in local.values() {
        let key = (local.pod.key(), local.pod.uid.as_str());
        own.entry(key).or_default().extend(&local.ips);
    }
    own
}

impl Identity {
    pub(super) fn is(&self, atom: usize) -> bool {
        self.atoms.binary_search(&atom).is_ok()
    }

    pub(super) fn port(&self, named: &NamedPort) -> Option<u16> {
        self.ports.get(named).copied()
    }

    /// By what the peers are: the order in which they were met is no matter.
    pub(super) fn id(&self, atoms: &Atoms) -> Id {
        let ids: BTreeSet<Id> = self.atoms.iter().map(|atom| atoms.peers[*atom].1).collect();
        let mut naming = Naming::of("identity");
        naming.number(ids.len() as u64);
        ids.iter().for_each(|id| naming.bytes(id.octets()));
        for (port, number) in &self.ports {
            naming.text(&port.name);
            naming.number(port.protocol.number().into());
            naming.number((*number).into());
        }
        naming.id()
    }
}
