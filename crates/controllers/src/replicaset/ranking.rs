//! Which pods go first when there are too many: those whose loss costs least. The order is that of Kubernetes' `ActivePodsWithRanks`.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::pods;

/// What a user may set to say how dear a pod is.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// How many active pods there are on each node.
pub(super) fn by_node<'a>(active: impl Iterator<Item = &'a Arc<Pod>>) -> HashMap<&'a str, usize> {
    let mut on_node = HashMap::new();
    for pod in active {
        *on_node.entry(node(pod)).or_default() += 1;
    }
    on_node
}

/// The `count` pods that go first. `on_node` tells how many pods of the same kind share a node: where there are several, one may
/// go first.
pub(super) fn first_to_go(
    now: Timestamp,
    mut active: Vec<Arc<Pod>>,
    count: usize,
    on_node: &HashMap<&str, usize>,
) -> Vec<Arc<Pod>> {
    if count >= active.len() {
        return active;
    }
    let rank = |pod: &Pod| on_node.get(node(pod)).copied().unwrap_or(0);
    active.sort_by(|a, b| compare(now, a, b, &rank));
    active.truncate(count);
    active
}

fn node(pod: &Pod) -> &str {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.node_name.as_deref())
        .unwrap_or("")
}

fn compare(now: Timestamp, a: &Pod, b: &Pod, rank: &impl Fn(&Pod) -> usize) -> Ordering {
    let by = |key: fn(&Pod) -> i64| key(a).cmp(&key(b));
    by(|pod| i64::from(!node(pod).is_empty()))
        .then_with(|| by(|pod| progress(pods::phase(pod))))
        .then_with(|| by(|pod| i64::from(pods::is_ready(pod))))
        .then_with(|| by(cost))
        .then_with(|| Reverse(rank(a)).cmp(&Reverse(rank(b))))
        .then_with(|| youngest_first(now, pods::ready_since(a), pods::ready_since(b)))
        .then_with(|| by(|pod| -restarts(pod)))
        .then_with(|| youngest_first(now, created(a), created(b)))
        .then_with(|| a.metadata.uid.cmp(&b.metadata.uid))
}

fn progress(phase: &str) -> i64 {
    match phase {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    }
}

fn cost(pod: &Pod) -> i64 {
    let annotations = pod.metadata.annotations.as_ref();
    annotations
        .and_then(|all| all.get(DELETION_COST))
        .and_then(|cost| cost.parse::<i32>().ok())
        .map_or(0, i64::from)
}

fn restarts(pod: &Pod) -> i64 {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default();
    statuses
        .iter()
        .map(|status| i64::from(status.restart_count))
        .max()
        .unwrap_or(0)
}

fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// Ages count by their magnitude only, so that among pods of about the same age chance decides; unknown is youngest.
fn youngest_first(now: Timestamp, a: Option<Timestamp>, b: Option<Timestamp>) -> Ordering {
    let magnitude = |time: Option<Timestamp>| match time {
        None => -1,
        Some(time) => {
            let age = now.duration_since(time).as_secs().max(0).unsigned_abs();
            i64::from(u64::BITS - age.leading_zeros())
        }
    };
    magnitude(a).cmp(&magnitude(b))
}
