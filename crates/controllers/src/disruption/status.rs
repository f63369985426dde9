//! What a budget's status says.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use navarch_machinery::time::seconds;

use super::expected::Counts;
use crate::pods;

/// How long after its eviction a pod is waited for to be deleted. Kubernetes' two minutes.
const DELETION: SignedDuration = SignedDuration::from_mins(2);
const ALLOWED: &str = "DisruptionAllowed";

/// The pods that were evicted and are not yet being deleted.
#[derive(Debug, Default)]
pub(super) struct Disrupted<'a> {
    /// Still waited for: names, and when they were evicted.
    pub(super) waited_for: BTreeMap<String, Time>,
    /// Not any more: they count again.
    pub(super) overdue: Vec<&'a Arc<Pod>>,
    /// When the next of them is overdue.
    pub(super) next: Option<Timestamp>,
}

pub(super) fn disrupted<'a>(
    now: Timestamp,
    budget: &PodDisruptionBudget,
    pods: &[&'a Arc<Pod>],
) -> Disrupted<'a> {
    let mut disrupted = Disrupted::default();
    let noted = budget.status.as_ref();
    let Some(noted) = noted.and_then(|status| status.disrupted_pods.as_ref()) else {
        return disrupted;
    };
    for pod in pods {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let Some(evicted) = noted.get(&name) else {
            continue;
        };
        if pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let due = evicted.0.saturating_add(DELETION).unwrap_or(evicted.0);
        if due <= now {
            disrupted.overdue.push(pod);
        } else {
            disrupted.next = Some(disrupted.next.map_or(due, |next| next.min(due)));
            disrupted.waited_for.insert(name, evicted.clone());
        }
    }
    disrupted
}

/// The status of a budget that asks for `counts`.
pub(super) fn next(
    now: Timestamp,
    budget: &PodDisruptionBudget,
    counts: Counts,
    disrupted: BTreeMap<String, Time>,
    pods: &[&Arc<Pod>],
) -> PodDisruptionBudgetStatus {
    let healthy = pods.iter().filter(|pod| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let leaves = pod.metadata.deletion_timestamp.is_some() || disrupted.contains_key(name);
        !leaves && pods::is_ready(pod)
    });
    let healthy = i32::try_from(healthy.count()).unwrap_or(i32::MAX);
    // Where no pods are expected none may go: the first ones come before they are counted.
    let allowed = if counts.expected > 0 {
        healthy.saturating_sub(counts.healthy).max(0)
    } else {
        0
    };
    let mut status = PodDisruptionBudgetStatus {
        current_healthy: Some(healthy),
        desired_healthy: Some(counts.healthy),
        expected_pods: Some(counts.expected),
        disruptions_allowed: Some(allowed),
        disrupted_pods: Some(disrupted).filter(|pods| !pods.is_empty()),
        observed_generation: budget.metadata.generation,
        conditions: budget
            .status
            .as_ref()
            .and_then(|status| status.conditions.clone()),
    };
    let (is_allowed, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    set_allowed(&mut status, is_allowed, reason, "", now);
    status
}

/// The status of a budget that could not be reckoned.
pub(super) fn failed(
    now: Timestamp,
    budget: &PodDisruptionBudget,
    error: &str,
) -> PodDisruptionBudgetStatus {
    let mut status = budget.status.clone().unwrap_or_default();
    status.disruptions_allowed = Some(0);
    set_allowed(&mut status, "False", "SyncFailed", error, now);
    status
}

/// Has the condition say this; its time is that of its last change of status.
fn set_allowed(
    status: &mut PodDisruptionBudgetStatus,
    is: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let generation = status.observed_generation;
    let conditions = status.conditions.get_or_insert_default();
    let at = conditions.iter().position(|it| it.type_ == ALLOWED);
    let since = at
        .map(|at| &conditions[at])
        .filter(|before| before.status == is)
        .map_or_else(
            || seconds(now),
            |before| before.last_transition_time.clone(),
        );
    let condition = Condition {
        type_: ALLOWED.into(),
        status: is.into(),
        reason: reason.into(),
        message: message.into(),
        last_transition_time: since,
        observed_generation: generation,
    };
    match at {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
}
