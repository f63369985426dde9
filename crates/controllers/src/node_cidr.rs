//! Which addresses the pods of a node get: each node a range of its own out of the cluster's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use navarch_api::call::PatchKind;
use navarch_client::{EventType, Informer, ObjectKey, Queue, Snapshot};
use navarch_machinery::ranges::Ranges;
use serde_json::json;

use crate::{Action, Controller, Note, Plan, Watched};

/// The length of the prefix of a node's range of IPv4 addresses.
const NODE_PREFIX: u8 = 24;
/// The same of IPv6.
const NODE_PREFIX_V6: u8 = 64;
/// The most bits of IPv6 that tell nodes apart: each node's range may be looked at.
const MOST_BITS: u8 = 16;

/// One of the cluster's ranges, and how it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    cluster: IpNet,
    /// The length of a node's prefix.
    node_prefix: u8,
}

/// The cluster's ranges, one of a family, and how they are cut: a /24 a node of IPv4 and a /64 of IPv6, as in Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRanges(Vec<Cut>);

impl NodeRanges {
    /// `None` where one of them is smaller than a node's, or has room for more nodes than there may be: 65,536 of IPv6.
    pub fn cut(cluster: &Ranges) -> Option<Self> {
        let cut = |cluster: IpNet| {
            let node_prefix = match cluster.addr() {
                IpAddr::V4(_) => NODE_PREFIX,
                IpAddr::V6(_) => NODE_PREFIX_V6,
            };
            let least = match cluster.addr() {
                IpAddr::V4(_) => 1,
                IpAddr::V6(_) => node_prefix - MOST_BITS,
            };
            let is_room = (least..=node_prefix).contains(&cluster.prefix_len());
            is_room.then_some(Cut {
                cluster,
                node_prefix,
            })
        };
        let all: Option<Vec<Cut>> = cluster.iter().map(cut).collect();
        all.map(Self)
    }
}

impl Default for NodeRanges {
    /// Kubernetes' usual: 10.244.0.0/16.
    fn default() -> Self {
        let cluster = IpNet::new_assert(Ipv4Addr::new(10, 244, 0, 0).into(), 16);
        Self(vec![Cut {
            cluster,
            node_prefix: NODE_PREFIX,
        }])
    }
}

impl Cut {
    /// How many nodes have room.
    fn count(&self) -> u32 {
        let bits = self.node_prefix - self.cluster.prefix_len();
        1 << bits
    }

    fn is_ipv4(&self) -> bool {
        self.cluster.addr().is_ipv4()
    }

    /// The range number `n`.
    fn nth(&self, n: u32) -> Block {
        let host_bits = u32::from(self.cluster.max_prefix_len() - self.node_prefix);
        let first = bits(self.cluster.network()) + (u128::from(n) << host_bits);
        Block {
            first,
            last: first | ((1 << host_bits) - 1),
        }
    }

    fn told(&self, block: Block) -> String {
        // Cannot be cut short: no IPv4 range has a larger address.
        let address: IpAddr = match self.is_ipv4() {
            true => Ipv4Addr::from_bits(block.first as u32).into(),
            false => Ipv6Addr::from_bits(block.first).into(),
        };
        format!("{address}/{}", self.node_prefix)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Addresses of one family, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    first: u128,
    last: u128,
}

impl From<IpNet> for Block {
    fn from(range: IpNet) -> Self {
        Self {
            first: bits(range.network()),
            last: bits(range.broadcast()),
        }
    }
}

/// The controller. All nodes share one key, so that no two plans give out one range.
pub struct NodeCidrs {
    /// Nodes.
    pub nodes: Informer<Node>,
    /// What is given out.
    pub ranges: NodeRanges,
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

/// What the nodes have of one family, in order.
fn taken(nodes: &Snapshot<Node>, is_ipv4: bool) -> Vec<Block> {
    let specs = nodes.iter().filter_map(|node| node.spec.as_ref());
    let claimed = specs.flat_map(|spec| {
        let all = spec.pod_cidrs.iter().flatten();
        all.chain(&spec.pod_cidr)
    });
    let ranges = claimed.filter_map(|range| range.parse::<IpNet>().ok());
    let of_family = ranges.filter(|range| range.addr().is_ipv4() == is_ipv4);
    let mut taken: Vec<Block> = of_family.map(Block::from).collect();
    taken.sort_unstable();
    taken
}

/// The ranges that have no address in common with any that is taken: a node may have claimed one of any size.
fn free(cut: Cut, nodes: &Snapshot<Node>) -> impl Iterator<Item = String> + use<> {
    let mut rest = taken(nodes, cut.is_ipv4()).into_iter().peekable();
    // The last address of all that begin before a range ends.
    let mut reach = None;
    let blocks = (0..cut.count()).map(move |n| cut.nth(n));
    let free = blocks.filter(move |block| {
        while let Some(next) = rest.next_if(|next| next.first <= block.last) {
            reach = reach.max(Some(next.last));
        }
        reach.is_none_or(|reach| reach < block.first)
    });
    free.map(move |block| cut.told(block))
}

/// Gives each node without a range the lowest that is free, of each family.
pub fn plan(nodes: &Snapshot<Node>, ranges: &NodeRanges) -> Plan {
    let mut free: Vec<_> = ranges.0.iter().map(|cut| free(*cut, nodes)).collect();
    let mut actions = Vec::new();
    let mut plan = Plan::nothing();
    for node in nodes.iter().filter(|node| lacks_range(node)) {
        let uid = &node.metadata.uid;
        let given: Option<Vec<String>> = free.iter_mut().map(Iterator::next).collect();
        let Some(given) = given else {
            // One stands for all that wait: they are looked at again at each change of any.
            plan.tell(unavailable(node));
            break;
        };
        let patch = json!({"metadata": {"uid": uid}, "spec": {"podCIDR": given.first(), "podCIDRs": given}});
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
            &NodeRanges::cut(&ranges.parse().unwrap()).unwrap(),
        );
        let range = |action: &Action| match &action.call.body {
            navarch_api::call::Body::Patch(_, patch) => {
                format!("{} {}", action.call.name.clone().unwrap(), {
                    let all = patch["spec"]["podCIDRs"].as_array().unwrap();
                    assert_eq!(patch["spec"]["podCIDR"], all[0]);
                    let all: Vec<_> = all.iter().map(|it| it.as_str().unwrap()).collect();
                    all.join(" ")
                })
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
    fn a_node_has_one_of_each_family() {
        let mut both = node("a", Some("10.244.0.0/24"));
        both.spec.as_mut().unwrap().pod_cidrs =
            Some(vec!["10.244.0.0/24".into(), "fd00:0:0:1::/64".into()]);
        let nodes = vec![both, node("b", None), node("c", None)];
        assert_eq!(
            given(nodes, "10.244.0.0/16,fd00::/56"),
            [
                "b 10.244.1.0/24 fd00::/64",
                "c 10.244.2.0/24 fd00:0:0:2::/64"
            ]
        );
        // Nothing is given of one family alone.
        let nodes = vec![node("a", None), node("b", None)];
        assert_eq!(
            given(nodes, "fd00::/64,10.244.0.0/16"),
            ["a fd00::/64 10.244.0.0/24"]
        );
    }

    #[test]
    fn a_node_s_range_must_fit() {
        for bad in [
            "10.0.0.0/28",
            "0.0.0.0/0",
            "fd00::/65",
            "fd00::/47",
            "10.244.0.0/16,fd00::/112",
        ] {
            assert_eq!(NodeRanges::cut(&bad.parse().unwrap()), None, "{bad}");
        }
    }
}
