//! The taints that follow from a node's conditions.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{condition, ready, zones::Eviction};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
pub(super) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// Conditions that are taints of their own while they hold.
const PRESSURES: &[(&str, &str)] = &[
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    (
        "NetworkUnavailable",
        "node.kubernetes.io/network-unavailable",
    ),
];

fn of(node: &Node) -> impl Iterator<Item = &Taint> {
    node.spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
}

/// The taints that drive pods off a node because it is not ready.
fn evicting(node: &Node) -> impl Iterator<Item = &Taint> {
    of(node).filter(|taint| {
        taint.effect == "NoExecute" && [NOT_READY, UNREACHABLE].contains(&taint.key.as_str())
    })
}

/// Whether pods are driven off a node because it is not ready, whoever has said so.
pub(super) fn is_evicted(node: &Node) -> bool {
    evicting(node).next().is_some()
}

/// Since when, where that is known.
pub(super) fn evicted_since(node: &Node) -> Option<Timestamp> {
    evicting(node)
        .filter_map(|taint| taint.time_added.as_ref().map(|time| time.0))
        .max()
}

/// What the node's taints should be where they are not: those of others as they are, and those that follow from its conditions.
pub(super) fn changed(node: &Node, now: Timestamp, eviction: Eviction) -> Option<Vec<Taint>> {
    let others = of(node).filter(|taint| !is_ours(taint)).cloned();
    let taints: Vec<Taint> = others.chain(wanted(node, now, eviction)).collect();
    let before: Vec<Taint> = of(node).cloned().collect();
    (!same(&before, &taints)).then_some(taints)
}

fn is_ours(taint: &Taint) -> bool {
    [NOT_READY, UNREACHABLE, UNSCHEDULABLE].contains(&taint.key.as_str())
        || PRESSURES.iter().any(|(_, key)| *key == taint.key)
}

/// The taints that follow from the node's conditions. One that is there already keeps its time.
fn wanted(node: &Node, now: Timestamp, eviction: Eviction) -> Vec<Taint> {
    let mut taints = Vec::new();
    let before: Vec<&Taint> = of(node).collect();
    let mut add = |key: &str, effect: &str| {
        let known = before
            .iter()
            .find(|taint| taint.key == key && taint.effect == effect);
        let time_added = known.map_or(Some(Time(now)), |taint| taint.time_added.clone());
        taints.push(Taint {
            key: key.to_owned(),
            effect: effect.to_owned(),
            value: None,
            time_added,
        });
    };
    let silent = match ready(node) {
        Some("True") => None,
        Some("False") => Some(NOT_READY),
        Some(_) => Some(UNREACHABLE),
        None => {
            // It keeps the taints that it was born with.
            let own = before.iter().filter(|taint| is_ours(taint));
            return own.map(|taint| (*taint).clone()).collect();
        }
    };
    if let Some(key) = silent {
        add(key, "NoSchedule");
        if eviction == Eviction::Now {
            add(key, "NoExecute");
        }
    }
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        add(UNSCHEDULABLE, "NoSchedule");
    }
    for (kind, key) in PRESSURES {
        if condition(node, kind).is_some_and(|condition| condition.status == "True") {
            add(key, "NoSchedule");
        }
    }
    taints
}

fn same(a: &[Taint], b: &[Taint]) -> bool {
    let plain = |taints: &[Taint]| {
        let mut plain: Vec<_> = taints
            .iter()
            .map(|t| (t.key.clone(), t.effect.clone(), t.value.clone()))
            .collect();
        plain.sort();
        plain
    };
    plain(a) == plain(b)
}
