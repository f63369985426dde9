//! A replica set's status: what its pods add up to.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;

use crate::{Plan, pods};

/// The status that follows from the active pods. Where pods will become available by mere waiting, the plan wakes for the first.
pub(super) fn next(
    now: Timestamp,
    set: &ReplicaSet,
    active: &[Arc<Pod>],
    terminating: usize,
    plan: &mut Plan,
) -> ReplicaSetStatus {
    let spec = set.spec.clone().unwrap_or_default();
    let min_ready = spec.min_ready_seconds.unwrap_or(0);
    let labels = spec
        .template
        .and_then(|template| template.metadata)
        .and_then(|metadata| metadata.labels)
        .unwrap_or_default();
    let (mut labelled, mut ready, mut available) = (0, 0, 0);
    for pod in active {
        let own = pod.metadata.labels.as_ref();
        labelled += i32::from(
            labels
                .iter()
                .all(|(key, value)| own.and_then(|own| own.get(key)) == Some(value)),
        );
        ready += i32::from(pods::is_ready(pod));
        match pods::available_at(pod, min_ready) {
            Some(at) if at <= now => available += 1,
            Some(at) => {
                plan.wake_at(at);
            }
            None => {}
        }
    }
    // Kubernetes leaves counts of zero out, but for `replicas`.
    let count = |n: i32| (n != 0).then_some(n);
    let before = set.status.clone().unwrap_or_default();
    ReplicaSetStatus {
        replicas: i32::try_from(active.len()).unwrap_or(i32::MAX),
        fully_labeled_replicas: count(labelled),
        ready_replicas: count(ready),
        available_replicas: count(available),
        terminating_replicas: Some(i32::try_from(terminating).unwrap_or(i32::MAX)),
        observed_generation: set.metadata.generation,
        conditions: before.conditions,
    }
}
