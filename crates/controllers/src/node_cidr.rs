//! Which addresses the pods of a node get: each node a range of its own out of the cluster's.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use navarch_api::call::PatchKind;
use navarch_client::{EventType, Informer, ObjectKey, Queue, Snapshot};
use serde_json::json;

use crate::{Action, Controller, Note, Plan, Watched};

/// The cluster's range and how it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranges {
    /// The first address of the cluster's range.
    pub base: Ipv4Addr,
    /// The length of the cluster's prefix: 16.
    pub cluster_prefix: u8,
    /// The length of a node's prefix: 24.
    pub node_prefix: u8,
}

impl Ranges {
    /// Kubernetes' usual: 10.244.0.0/16, a /24 a node.
    pub const DEFAULT: Self = Self {
        base: Ipv4Addr::new(10, 244, 0, 0),
        cluster_prefix: 16,
        node_prefix: 24,
    };

    /// Reads `10.244.0.0/16`. `None` where it is no range, or smaller than a node's.
    pub fn parse(cluster: &str, node_prefix: u8) -> Option<Self> {
        let (base, prefix) = cluster.split_once('/')?;
        let (base, cluster_prefix): (Ipv4Addr, u8) = (base.parse().ok()?, prefix.parse().ok()?);
        let aligned = cluster_prefix > 0
            && base.to_bits().trailing_zeros() >= 32 - u32::from(cluster_prefix.min(32));
        let ordered = cluster_prefix <= node_prefix && node_prefix <= 30;
        (aligned && ordered).then_some(Self {
            base,
            cluster_prefix,
            node_prefix,
        })
    }

    /// How many nodes have room.
    pub fn count(&self) -> u32 {
        1 << (self.node_prefix - self.cluster_prefix).min(31)
    }

    /// The range number `n`.
    fn nth(&self, n: u32) -> Block {
        let first = self.base.to_bits() + (n << (32 - self.node_prefix));
        Block::new(first, self.node_prefix)
    }

    fn told(&self, block: Block) -> String {
        format!("{}/{}", Ipv4Addr::from_bits(block.first), self.node_prefix)
    }
}

/// Addresses from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    first: u32,
    last: u32,
}

impl Block {
    /// That of this prefix length, at most 32, that holds the address.
    fn new(address: u32, prefix: u8) -> Self {
        let hosts = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
        Self {
            first: address & !hosts,
            last: address | hosts,
        }
    }

    /// `None` for what is no range of IPv4: no node is given that.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let (address, prefix): (Ipv4Addr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
        (prefix <= 32).then(|| Self::new(address.to_bits(), prefix))
    }
}

/// The controller. All nodes share one key, so that no two plans give out one range.
pub struct NodeCidrs {
    /// Nodes.
    pub nodes: Informer<Node>,
    /// What is given out.
    pub ranges: Ranges,
}

impl Controller for NodeCidrs {
    const NAME: &'static str = "node-ipam-controller";
    const ACCOUNT: &'static str = "node-controller";
    type View = Snapshot<Node>;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.nodes.on_change(move |_, new| {
            if new.is_some_and(|node| lacks_range(node)) {
                q.add(ObjectKey::new("", "nodes"));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.nodes]
    }

    fn view(&self) -> Snapshot<Node> {
        self.nodes.snapshot()
    }

    fn plan(&self, _now: Timestamp, view: &Snapshot<Node>, _key: &ObjectKey) -> Plan {
        plan(view, &self.ranges)
    }
}

fn lacks_range(node: &Node) -> bool {
    node.spec
        .as_ref()
        .is_none_or(|spec| spec.pod_cidr.is_none())
        && node.metadata.deletion_timestamp.is_none()
}

/// What the nodes have, in order.
fn taken(nodes: &Snapshot<Node>) -> Vec<Block> {
    let specs = nodes.iter().filter_map(|node| node.spec.as_ref());
    let claimed = specs.flat_map(|spec| {
        let all = spec.pod_cidrs.iter().flatten();
        all.chain(&spec.pod_cidr)
    });
    let mut taken: Vec<Block> = claimed.filter_map(|range| Block::parse(range)).collect();
    taken.sort_unstable();
    taken
}

/// The ranges that have no address in common with any that is taken: a node may have claimed one of any size.
fn free<'a>(ranges: &'a Ranges, taken: &'a [Block]) -> impl Iterator<Item = Block> + 'a {
    let mut rest = taken.iter().peekable();
    // The last address of all that begin before a range ends.
    let mut reach = None;
    let blocks = (0..ranges.count()).map(|n| ranges.nth(n));
    blocks.filter(move |block| {
        while let Some(next) = rest.next_if(|next| next.first <= block.last) {
            reach = reach.max(Some(next.last));
        }
        reach.is_none_or(|reach| reach < block.first)
    })
}

/// Gives each node without a range the lowest that is free.
pub fn plan(nodes: &Snapshot<Node>, ranges: &Ranges) -> Plan {
    let taken = taken(nodes);
    let mut free = free(ranges, &taken).map(|block| ranges.told(block));
    let mut actions = Vec::new();
    let mut plan = Plan::nothing();
    for node in nodes.iter().filter(|node| lacks_range(node)) {
        let uid = &node.metadata.uid;
        let Some(range) = free.next() else {
            // One stands for all that wait: they are looked at again at each change of any.
            plan.tell(unavailable(node));
            break;
        };
        let patch =
            json!({"metadata": {"uid": uid}, "spec": {"podCIDR": range, "podCIDRs": [range]}});
        let failed = unavailable(node);
        actions.push(Action::patch(node.as_ref(), PatchKind::Strategic, patch).complaining(failed));
    }
    plan.then_all(actions);
    plan
}

fn unavailable(node: &Arc<Node>) -> Note {
    let name = node.metadata.name.as_deref().unwrap_or("");
    Note {
        about: node.clone(),
        kind: EventType::Warning,
        reason: "CIDRNotAvailable",
        message: format!("Node {name} status is now: CIDRNotAvailable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, range: Option<&str>) -> Node {
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"podCIDR": range}})).unwrap()
    }

    fn given(nodes: Vec<Node>, ranges: &str) -> Vec<String> {
        let plan = plan(
            &Snapshot::of(nodes, &[]),
            &Ranges::parse(ranges, 24).unwrap(),
        );
        let range = |action: &Action| match &action.call.body {
            navarch_api::call::Body::Patch(_, patch) => {
                format!(
                    "{} {}",
                    action.call.name.clone().unwrap(),
                    patch["spec"]["podCIDR"].as_str().unwrap()
                )
            }
            other => panic!("{other:?}"),
        };
        plan.actions().map(range).collect()
    }

    #[test]
    fn each_node_gets_the_lowest_free_range() {
        let nodes = vec![
            node("a", Some("10.244.1.0/24")),
            node("b", None),
            node("c", None),
        ];
        assert_eq!(
            given(nodes, "10.244.0.0/16"),
            ["b 10.244.0.0/24", "c 10.244.2.0/24"]
        );
    }

    #[test]
    fn whatever_a_node_has_claimed_is_taken_all_of_it() {
        let nodes = vec![
            node("wide", Some("10.244.0.0/22")),
            node("within", Some("10.244.1.0/24")),
            node("narrow", Some("10.244.4.128/25")),
            node("elsewhere", Some("10.245.0.0/16")),
            node("other", Some("fd00::/64")),
            node("bad", Some("10.244.5.0/33")),
            node("a", None),
            node("b", None),
        ];
        assert_eq!(
            given(nodes, "10.244.0.0/16"),
            ["a 10.244.5.0/24", "b 10.244.6.0/24"]
        );
        // As many as there are.
        let all = vec![node("all", Some("0.0.0.0/0")), node("a", None)];
        assert!(given(all, "10.244.0.0/16").is_empty());
    }

    #[test]
    fn when_none_is_left_nobody_gets_one_twice() {
        assert_eq!(
            given(vec![node("a", None), node("b", None)], "10.244.3.0/24"),
            ["a 10.244.3.0/24"]
        );
    }

    #[test]
    fn ranges_must_make_sense() {
        for bad in [
            "10.244.0.0",
            "10.244.0.1/16",
            "10.0.0.0/0",
            "10.0.0.0/28",
            "x/16",
            "10.0.0.0/40",
        ] {
            assert_eq!(Ranges::parse(bad, 24), None, "{bad}");
        }
    }
}
