//! A NetworkPolicy, read once: what its fields mean where they are absent, as the API documents it.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::labels::Selector;

use super::blocks::Block;
use crate::Protocol;

/// From which end of a connection a policy looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiled {
    /// Which pods of its namespace it is for.
    pub(crate) subject: Selector,
    /// What it allows; `None` where it says nothing of that direction.
    pub(crate) ingress: Option<Vec<Rule>>,
    pub(crate) egress: Option<Vec<Rule>>,
}

/// What one rule allows: these peers on these ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// `None`: everybody.
    pub(crate) peers: Option<Vec<Peer>>,
    /// `None`: everything.
    pub(crate) ports: Option<Vec<RulePort>>,
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    Pods(PodPeer),
    Block(Block),
}

/// Pods by their labels, and by those of their namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodPeer {
    pub(crate) namespaces: Namespaces,
    pub(crate) pods: Selector,
}

/// Where pods are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Namespaces {
    /// Where the policy is.
    One(String),
    Labelled(Selector),
}

/// A port of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RulePort {
    pub(crate) protocol: Protocol,
    pub(crate) port: PortNumber,
}

/// Which port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PortNumber {
    /// All of the protocol.
    Any,
    /// From one to another, both included.
    Range(u16, u16),
    /// The one that the pod at the connection's end calls so.
    Named(String),
}

impl Compiled {
    pub(crate) fn of(policy: &NetworkPolicy) -> Self {
        let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
        let spec = policy.spec.clone().unwrap_or_default();
        let (ingress, egress) = directions(&spec);
        let ingress_rules = || {
            let rules = spec.ingress.iter().flatten();
            rules.map(|rule| rule_of(namespace, rule.from.as_deref(), rule.ports.as_deref()))
        };
        let egress_rules = || {
            let rules = spec.egress.iter().flatten();
            rules.map(|rule| rule_of(namespace, rule.to.as_deref(), rule.ports.as_deref()))
        };
        Self {
            // Absent is empty here, which selects all.
            subject: selector(&spec.pod_selector.clone().unwrap_or_default()),
            ingress: ingress.then(|| ingress_rules().collect()),
            egress: egress.then(|| egress_rules().collect()),
        }
    }

    /// How much it says: rules, and the peers, exceptions and ports in them.
    pub(crate) fn size(&self) -> usize {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        rules.map(Rule::size).sum()
    }

    pub(crate) fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

impl Rule {
    /// How much it says.
    fn size(&self) -> usize {
        let peers = self.peers.iter().flatten().map(|peer| match peer {
            Peer::Pods(_) => 1,
            Peer::Block(block) => 1 + block.except.len(),
        });
        1 + peers.sum::<usize>() + self.ports.as_ref().map_or(0, Vec::len)
    }
}

/// Of which directions a policy speaks. Where it does not say, of ingress, and of egress if it has rules for it.
fn directions(spec: &NetworkPolicySpec) -> (bool, bool) {
    match spec.policy_types.as_deref() {
        None | Some([]) => (true, spec.egress.as_ref().is_some_and(|e| !e.is_empty())),
        Some(types) => {
            let has = |name: &str| types.iter().any(|kind| kind == name);
            (has("Ingress"), has("Egress"))
        }
    }
}

fn rule_of(
    namespace: &str,
    peers: Option<&[NetworkPolicyPeer]>,
    ports: Option<&[NetworkPolicyPort]>,
) -> Rule {
    // An empty list says as much as none.
    let peers = peers.filter(|peers| !peers.is_empty());
    let ports = ports.filter(|ports| !ports.is_empty());
    Rule {
        peers: peers.map(|all| all.iter().filter_map(|p| peer(namespace, p)).collect()),
        ports: ports.map(|all| all.iter().filter_map(port).collect()),
    }
}

/// `None` where it is nobody: what cannot be read allows nothing.
fn peer(namespace: &str, peer: &NetworkPolicyPeer) -> Option<Peer> {
    if let Some(block) = &peer.ip_block {
        let except = block.except.iter().flatten();
        return Some(Peer::Block(Block {
            range: block.cidr.parse().ok()?,
            except: except
                .map(|range| range.parse().ok())
                .collect::<Option<_>>()?,
        }));
    }
    let namespaces = match (&peer.namespace_selector, &peer.pod_selector) {
        (None, None) => return None,
        (None, Some(_)) => Namespaces::One(namespace.to_owned()),
        (Some(labels), _) => Namespaces::Labelled(selector(labels)),
    };
    let pods = peer.pod_selector.as_ref();
    Some(Peer::Pods(PodPeer {
        namespaces,
        pods: pods.map_or_else(Selector::everything, selector),
    }))
}

fn port(port: &NetworkPolicyPort) -> Option<RulePort> {
    let number = match (&port.port, port.end_port) {
        (None, _) => PortNumber::Any,
        (Some(IntOrString::String(name)), _) => PortNumber::Named(name.clone()),
        (Some(IntOrString::Int(first)), end) => {
            let first = u16::try_from(*first).ok()?;
            let last = end.map_or(Ok(first), u16::try_from).ok()?;
            PortNumber::Range(first, last)
        }
    };
    Some(RulePort {
        protocol: Protocol::parse(port.protocol.as_deref())?,
        port: number,
    })
}

/// One that cannot be read selects nothing; the API keeps none such.
fn selector(selector: &LabelSelector) -> Selector {
    Selector::from_label_selector(Some(selector)).unwrap_or_else(|_| Selector::nothing())
}
