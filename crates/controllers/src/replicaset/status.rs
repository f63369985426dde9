//! A replica set's status: what its pods add up to.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::def::Verb;

use super::replicated::{REPLICA_FAILURE, Replicated, has_failed};
use crate::{Failure, Plan, pods};

/// The status that follows from the active pods. Where pods will become available by mere waiting, the plan wakes for the first.
pub(super) fn next<T: Replicated>(
    now: Timestamp,
    set: &T,
    active: &[Arc<Pod>],
    terminating: usize,
    failure: Option<&Failure>,
    plan: &mut Plan,
) -> ReplicaSetStatus {
    let min_ready = set.min_ready_seconds();
    let labels = set
        .template()
        .and_then(|template| template.metadata.as_ref()?.labels.clone())
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
    let before = set
        .counts()
        .and_then(|counts| counts.conditions)
        .unwrap_or_default();
    let conditions = conditions(now, before, failure);
    ReplicaSetStatus {
        replicas: i32::try_from(active.len()).unwrap_or(i32::MAX),
        fully_labeled_replicas: count(labelled),
        ready_replicas: count(ready),
        available_replicas: count(available),
        terminating_replicas: Some(i32::try_from(terminating).unwrap_or(i32::MAX)),
        observed_generation: set.metadata().generation,
        conditions: (!conditions.is_empty()).then_some(conditions),
    }
}

/// That pods could not be made or removed is told until they can; other failures say nothing about that.
fn conditions(
    now: Timestamp,
    mut before: Vec<ReplicaSetCondition>,
    failure: Option<&Failure>,
) -> Vec<ReplicaSetCondition> {
    let Some(failure) = failure else {
        before.retain(|condition| condition.type_ != REPLICA_FAILURE);
        return before;
    };
    let reason = match failure.verb {
        _ if failure.resource.resource != "pods" => return before,
        Verb::Create => "FailedCreate",
        Verb::Delete => "FailedDelete",
        _ => return before,
    };
    if !has_failed(&before) {
        before.push(ReplicaSetCondition {
            type_: REPLICA_FAILURE.to_owned(),
            status: "True".to_owned(),
            last_transition_time: Some(Time(now)),
            reason: Some(reason.to_owned()),
            message: Some(failure.error.message.clone()),
        });
    }
    before
}
