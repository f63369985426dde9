//! Whether a pod that was bound to this node can run on it: the kubelet's own look, after the scheduler's.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::lifecycle::Refusal;
use crate::quantity::{ResourceList, milli_of, units_of};
use crate::{resources, spec};

/// Why the pod is refused, if it is. `others`: the pods that run here.
pub(crate) fn admit(
    pod: &Pod,
    others: &[&Arc<Pod>],
    allocatable: &ResourceList,
    labels: &BTreeMap<String, String>,
) -> Option<Refusal> {
    let running = || others.iter().filter(|p| !spec::is_terminal(p));
    let pods = units_of(Some(allocatable), "pods");
    let count = i64::try_from(running().count()).unwrap_or(i64::MAX);
    if count.saturating_add(1) > pods {
        return Some(short("pods", 1, count, pods));
    }
    for resource in ["cpu", "memory"] {
        let requested = resources::pod_request(pod, resource);
        let used = running().fold(0i64, |sum, p| {
            sum.saturating_add(resources::pod_request(p, resource))
        });
        let capacity = milli_of(Some(allocatable), resource);
        if requested > 0 && requested.saturating_add(used) > capacity {
            // CPU is told in thousandths, memory in bytes.
            let unit = if resource == "cpu" { 1 } else { 1000 };
            return Some(short(
                resource,
                requested / unit,
                used / unit,
                capacity / unit,
            ));
        }
    }
    let selected = spec::spec(pod)
        .node_selector
        .iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    if !selected {
        return Some(Refusal {
            reason: "NodeAffinity".into(),
            message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector".into(),
            evicted: false,
        });
    }
    None
}

fn short(resource: &str, requested: i64, used: i64, capacity: i64) -> Refusal {
    Refusal {
        reason: format!("OutOf{resource}"),
        message: format!(
            "Pod was rejected: Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
        ),
        evicted: false,
    }
}
