//! How fast pods may be driven off the nodes of a zone: what looks like many dead nodes is more often a network that is cut.
//!
//! As in Kubernetes' node lifecycle controller: while no zone at all has a ready node nothing is evicted; in a zone that has lost
//! most of its nodes evictions are slow, or stop where it is small; otherwise one node after the other.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Node;
use navarch_client::Snapshot;

use super::{ready, taints};

/// The time from one node's eviction to the next one's in its zone. Kubernetes' `node-eviction-rate` of 0.1 a second.
const PACE: SignedDuration = SignedDuration::from_secs(10);
/// The same in a large zone that has lost most of its nodes. Kubernetes' `secondary-node-eviction-rate` of 0.01 a second.
const SLOW_PACE: SignedDuration = SignedDuration::from_secs(100);
/// A zone of more nodes is large. Kubernetes' `large-cluster-size-threshold`.
const LARGE: usize = 50;
/// Up to so many nodes that are not ready, a zone is in order, however few it has.
const FEW: usize = 2;
/// From this part on, in percent, of nodes that are not ready, a zone is disrupted. Kubernetes' `unhealthy-zone-threshold`.
const MOST: usize = 55;
/// Nodes with this label do not count when it is judged how a zone is.
const EXCLUDED: &str = "node.kubernetes.io/exclude-disruption";

/// Whether the pods of a node that is not ready may be driven off it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eviction {
    /// They may: it is this node's turn, or its pods have been told already.
    Now,
    /// Not yet.
    Later,
    /// No node is ready. What was told already is taken back, too.
    Never,
}

/// How many nodes of a zone count, and what they are.
#[derive(Debug, Default, Clone, Copy)]
struct Health {
    ready: usize,
    silent: usize,
}

impl Health {
    /// The time from one eviction to the next; `None`: there are none for now.
    fn pace(self) -> Option<SignedDuration> {
        let all = self.ready + self.silent;
        let most = self.ready > 0 && self.silent > FEW && self.silent * 100 >= all * MOST;
        match (most, all > LARGE) {
            (false, _) => Some(PACE),
            (true, true) => Some(SLOW_PACE),
            (true, false) => None,
        }
    }
}

/// Whether `node`, which is not ready, may lose its pods now. Of several that wait in a zone it is the turn of the first by name, so
/// that two plans on one snapshot never let two go at once.
pub(super) fn eviction(now: Timestamp, nodes: &Snapshot<Node>, node: &Node) -> Eviction {
    if !nodes
        .iter()
        .any(|node| !is_excluded(node) && ready(node) == Some("True"))
    {
        return Eviction::Never;
    }
    if taints::is_evicted(node) {
        return Eviction::Now;
    }
    let zone = zone(node);
    let mut health = Health::default();
    let mut last = None;
    for other in nodes.iter().filter(|other| self::zone(other) == zone) {
        let is_ready = ready(other) == Some("True");
        last = last.max(taints::evicted_since(other));
        // One that has never said how it is has nothing to wait for yet.
        let waits = !is_ready && ready(other).is_some() && !taints::is_evicted(other);
        if waits && other.metadata.name < node.metadata.name {
            return Eviction::Later;
        }
        match (is_excluded(other), is_ready) {
            (true, _) => {}
            (false, true) => health.ready += 1,
            (false, false) => health.silent += 1,
        }
    }
    let Some(pace) = health.pace() else {
        return Eviction::Later;
    };
    match last.map(|last| last.saturating_add(pace).unwrap_or(last)) {
        Some(turn) if turn > now => Eviction::Later,
        _ => Eviction::Now,
    }
}

/// Region and zone.
fn zone(node: &Node) -> [Option<&String>; 2] {
    [
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    ]
    .map(|key| node.metadata.labels.as_ref()?.get(key))
}

fn is_excluded(node: &Node) -> bool {
    let labels = node.metadata.labels.as_ref();
    labels.is_some_and(|labels| labels.contains_key(EXCLUDED))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Taint;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn node(name: &str, zone: &str, ready: &str, evicted: Option<i64>) -> Node {
        let taints = evicted.map(|seconds| Taint {
            key: taints::UNREACHABLE.into(),
            effect: "NoExecute".into(),
            value: None,
            time_added: Some(Time(NOW - SignedDuration::from_secs(seconds))),
        });
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}},
            "spec": {"taints": taints.map(|taint| vec![taint])},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap()
    }

    /// For each node that is silent, whether it may be evicted.
    fn check(nodes: Vec<Node>) -> Vec<Eviction> {
        let silent: Vec<Node> = nodes
            .iter()
            .filter(|node| ready(node) != Some("True"))
            .cloned()
            .collect();
        let nodes = Snapshot::of(nodes, &[]);
        silent
            .iter()
            .map(|node| eviction(NOW, &nodes, node))
            .collect()
    }

    fn many(zone: &str, ready: usize, silent: usize) -> Vec<Node> {
        let of = |state: &'static str, count| {
            (0..count).map(move |n| node(&format!("{zone}-{state}-{n:03}"), zone, state, None))
        };
        of("True", ready).chain(of("Unknown", silent)).collect()
    }

    #[test]
    fn nodes_of_a_zone_go_one_after_the_other() {
        use Eviction::{Later, Now};
        let ready = node("r", "z", "True", None);
        let silent = |name, evicted| node(name, "z", "Unknown", evicted);
        assert_eq!(
            check(vec![ready.clone(), silent("a", None), silent("b", None)]),
            [Now, Later]
        );
        assert_eq!(
            check(vec![ready.clone(), silent("a", Some(9)), silent("b", None)]),
            [Now, Later]
        );
        assert_eq!(
            check(vec![
                ready.clone(),
                silent("a", Some(10)),
                silent("b", None)
            ]),
            [Now, Now]
        );
        // Another zone has a pace of its own.
        let other = node("b", "y", "Unknown", None);
        assert_eq!(check(vec![ready, silent("a", Some(1)), other]), [Now, Now]);
    }

    #[test]
    fn no_node_stands_in_the_way_of_those_behind_it_for_ever() {
        let mut nodes = many("z", 3, 0);
        let mut by_hand = node("a", "z", "Unknown", Some(1));
        by_hand.spec.as_mut().unwrap().taints.as_mut().unwrap()[0].time_added = None;
        let mut unheard = node("b", "z", "Unknown", None);
        unheard.status = None;
        nodes.extend([by_hand, unheard, node("c", "z", "Unknown", None)]);
        // The second has said nothing yet; whatever it is answered, it gets no taint.
        assert_eq!(check(nodes), [Eviction::Now; 3]);
    }

    #[test]
    fn while_no_node_is_ready_nothing_is_evicted() {
        let nodes = vec![
            node("a", "z", "Unknown", Some(100)),
            node("b", "y", "False", None),
        ];
        assert_eq!(check(nodes), [Eviction::Never, Eviction::Never]);
    }

    #[test]
    fn a_small_zone_that_has_lost_most_of_its_nodes_evicts_nothing_and_a_large_one_slowly() {
        use Eviction::{Later, Now};
        assert_eq!(check(many("z", 2, 2)), [Now, Later]);
        assert_eq!(check(many("z", 2, 3)), [Later; 3]);
        assert_eq!(check(many("z", 3, 3))[0], Now);
        let mut large = many("z", 20, 31);
        assert_eq!(check(large.clone())[0], Now);
        large.push(node("gone", "z", "Unknown", Some(99)));
        assert_eq!(check(large.clone())[0], Later);
        large.pop();
        large.push(node("gone", "z", "Unknown", Some(100)));
        assert_eq!(check(large)[0], Now);
        // A zone that is wholly dark while others are not goes at the usual pace.
        let mut dark = many("z", 0, 5);
        dark.extend(many("y", 1, 0));
        assert_eq!(check(dark), [Now, Later, Later, Later, Later]);
    }

    #[test]
    fn nodes_that_are_excluded_do_not_count() {
        let mut nodes = many("z", 2, 3);
        for silent in &mut nodes[3..] {
            silent
                .metadata
                .labels
                .as_mut()
                .unwrap()
                .insert(EXCLUDED.into(), String::new());
        }
        assert_eq!(check(nodes)[0], Eviction::Now);
    }
}
