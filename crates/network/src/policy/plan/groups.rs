//! Groups: pods of this node that the same policies select, with what those allow.

use super::atoms::{Atom, Atoms};
use super::*;

/// Pods with the same policies in a direction.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) direction: Direction,
    pub(super) namespace: String,
    /// The policies of its namespace are more than one may have; what they allow is not here.
    pub(super) is_too_much: bool,
    pub(super) pods: BTreeSet<IpAddr>,
    allowed: Vec<Allowed>,
}

/// What a rule allows, with its peers looked up.
#[derive(Debug)]
struct Allowed {
    atoms: Vec<usize>,
    blocks: Vec<Block>,
    ports: PortSet,
    /// Ports that are known only with the peer.
    named: Vec<NamedPort>,
}

/// The policies of a namespace.
struct OfNamespace<'a> {
    policies: Vec<(&'a str, Compiled)>,
    is_too_much: bool,
}

/// The policies that select a pod in a direction.
struct Selected<'a> {
    direction: Direction,
    is_too_much: bool,
    policies: Vec<(&'a str, &'a [Rule])>,
    /// How the pod calls the ports that their rules name, of ingress: there the pod is what is asked.
    named: BTreeMap<NamedPort, Option<u16>>,
}

/// The groups of this node's pods, and the peers that their rules name.
pub(super) fn of(cluster: &Cluster<'_>) -> (Vec<Group>, Atoms) {
    let mut atoms = Atoms::default();
    let mut groups: BTreeMap<Id, Group> = BTreeMap::new();
    let mut compiled: BTreeMap<&str, OfNamespace<'_>> = BTreeMap::new();
    for local in cluster.local.values() {
        let namespace = local.pod.namespace.as_str();
        let policies = compiled
            .entry(namespace)
            .or_insert_with(|| policies_of(cluster, namespace));
        for direction in DIRECTIONS {
            // Another of that name may be there already while this one is being killed.
            let of_name = cluster.pods.get(&local.pod.key());
            let pod = of_name.filter(|pod| pod.metadata.uid.as_ref() == Some(&local.pod.uid));
            if let Some(selected) = select(policies, direction, pod) {
                let group = groups
                    .entry(selected.id(namespace))
                    .or_insert_with(|| selected.group(namespace, &mut atoms));
                group.pods.extend(&local.ips);
            }
        }
    }
    (groups.into_values().collect(), atoms)
}

fn policies_of<'a>(cluster: &Cluster<'a>, namespace: &'a str) -> OfNamespace<'a> {
    let policies = cluster.policies.in_namespace(namespace);
    let compiled = policies.map(|policy| {
        let name = policy.metadata.name.as_deref().unwrap_or_default();
        (name, Compiled::of(policy))
    });
    let policies: Vec<(&str, Compiled)> = compiled.collect();
    let size: usize = policies.iter().map(|(_, policy)| policy.size()).sum();
    OfNamespace {
        is_too_much: size > bounds::OF_NAMESPACE,
        policies,
    }
}

/// `None` where no policy does. A pod that the API has not told of yet, or no longer, may do nothing where there are policies at all: it is
/// about to start, or being killed.
fn select<'a>(
    of_namespace: &'a OfNamespace<'a>,
    direction: Direction,
    pod: Option<&std::sync::Arc<Pod>>,
) -> Option<Selected<'a>> {
    let policies = &of_namespace.policies;
    if policies.is_empty() {
        return None;
    }
    let labels = pod.map(|pod| pods::labels(pod.metadata.labels.as_ref()));
    let mut selected = Selected {
        direction,
        is_too_much: of_namespace.is_too_much,
        policies: Vec::new(),
        named: BTreeMap::new(),
    };
    for (name, policy) in policies {
        if let Some(rules) = policy.rules(direction)
            && labels.is_some_and(|labels| policy.subject.matches(labels))
        {
            let rules = if of_namespace.is_too_much { &[] } else { rules };
            selected.policies.push((name, rules));
        }
    }
    if let Some(pod) = pod.filter(|_| direction == Direction::Ingress) {
        let rules = selected.policies.iter().flat_map(|(_, rules)| *rules);
        let named: BTreeSet<NamedPort> = rules.flat_map(named).collect();
        selected.named = named
            .into_iter()
            .map(|name| {
                let number = pods::port(pod, &name);
                (name, number)
            })
            .collect();
    }
    (labels.is_none() || !selected.policies.is_empty()).then_some(selected)
}

/// The names of ports in a rule.
fn named(rule: &Rule) -> impl Iterator<Item = NamedPort> {
    let ports = rule.ports.iter().flatten();
    ports.filter_map(|port| match &port.port {
        PortNumber::Named(name) => Some(NamedPort {
            name: name.clone(),
            protocol: port.protocol,
        }),
        _ => None,
    })
}

impl Selected<'_> {
    fn id(&self, namespace: &str) -> Id {
        let mut naming = Naming::of(match self.direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        });
        naming.text(namespace);
        naming.number(self.policies.len() as u64);
        for (name, _) in &self.policies {
            naming.text(name);
        }
        for (port, number) in &self.named {
            naming.text(&port.name);
            naming.number(port.protocol.number().into());
            naming.number(number.map_or(0, u64::from));
        }
        naming.id()
    }

    fn group(&self, namespace: &str, atoms: &mut Atoms) -> Group {
        let rules = self.policies.iter().flat_map(|(_, rules)| *rules);
        Group {
            direction: self.direction,
            namespace: namespace.to_owned(),
            is_too_much: self.is_too_much,
            pods: BTreeSet::new(),
            allowed: rules.map(|rule| self.allowed(rule, atoms)).collect(),
        }
    }

    fn allowed(&self, rule: &Rule, atoms: &mut Atoms) -> Allowed {
        let mut allowed = Allowed {
            atoms: Vec::new(),
            blocks: Vec::new(),
            ports: self.known_ports(rule),
            named: Vec::new(),
        };
        if self.direction == Direction::Egress {
            allowed.named = named(rule).collect();
            atoms.names.extend(allowed.named.iter().cloned());
        }
        let everybody = || [Family::V4, Family::V6].map(|f| Peer::Block(Block::everyone(f)));
        let peers = rule.peers.clone().unwrap_or_else(|| everybody().into());
        for peer in peers {
            match peer {
                Peer::Pods(peer) => allowed.atoms.push(atoms.add(Atom::Pods(peer))),
                Peer::Block(block) => {
                    if !allowed.named.is_empty() {
                        allowed.atoms.push(atoms.add(Atom::Block(block.clone())));
                    }
                    allowed.blocks.push(block);
                }
            }
        }
        allowed
    }

    /// The ports of a rule that do not depend on the peer.
    fn known_ports(&self, rule: &Rule) -> PortSet {
        let Some(ports) = &rule.ports else {
            return PortSet::everything();
        };
        let mut set = PortSet::default();
        for port in ports {
            match &port.port {
                PortNumber::Any => set.add(port.protocol, None),
                PortNumber::Range(first, last) => set.add(port.protocol, Some((*first, *last))),
                PortNumber::Named(name) => {
                    let named = NamedPort {
                        name: name.clone(),
                        protocol: port.protocol,
                    };
                    if let Some(number) = self.named.get(&named).copied().flatten() {
                        set.add(port.protocol, Some((number, number)));
                    }
                }
            }
        }
        set
    }
}

impl Group {
    pub(super) fn ports_of(&self, identity: &identities::Identity) -> PortSet {
        let mut ports = PortSet::default();
        for allowed in &self.allowed {
            if !allowed.atoms.iter().any(|atom| identity.is(*atom)) {
                continue;
            }
            ports.add_all(&allowed.ports);
            for named in &allowed.named {
                if let Some(number) = identity.port(named) {
                    ports.add(named.protocol, Some((number, number)));
                }
            }
        }
        ports
    }

    pub(super) fn rules(&self) -> usize {
        self.allowed.len()
    }

    pub(super) fn families(&self) -> BTreeSet<Family> {
        self.pods.iter().map(|pod| Family::of(*pod)).collect()
    }

    pub(super) fn pods_of(&self, family: Family) -> impl Iterator<Item = IpAddr> {
        let pods = self.pods.iter().copied();
        pods.filter(move |pod| Family::of(*pod) == family)
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = (&Block, &PortSet)> {
        self.allowed
            .iter()
            .flat_map(|allowed| allowed.blocks.iter().map(|block| (block, &allowed.ports)))
    }
}
