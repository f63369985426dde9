//! Whether a disruption budget lets a pod go.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, StatusCause};
use navarch_machinery::labels::Selector;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;

/// The most evictions that a budget remembers until its controller has seen them.
const MAX_DISRUPTED: usize = 2000;
const ALLOWED: &str = "DisruptionAllowed";
const VIOLATES: &str = "Cannot evict pod as it would violate the pod's disruption budget.";
/// When to try again after a budget that is not up to date, in seconds.
const RETRY_AFTER: i32 = 10;

/// Why a pod may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is no healthy one, so nothing is lost; as long as it stays so.
    Unhealthy,
    /// The budget, now changed, counts it.
    Counted,
}

fn phase(pod: &Pod) -> &str {
    let status = pod.status.as_ref();
    status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

fn is_over(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed") || pod.metadata.deletion_timestamp.is_some()
}

/// Whether no budget is asked: the pod has not begun, or has ended.
pub(super) fn is_exempt(pod: &Pod) -> bool {
    is_over(pod) || phase(pod) == "Pending"
}

/// Whether an exempt pod must be deleted as it was seen: it might begin to run.
pub(super) fn must_stay_so(pod: &Pod) -> bool {
    is_exempt(pod) && !is_over(pod)
}

/// Whether the budget is about the pod.
pub(super) fn covers(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    Selector::from_label_selector(selector)
        .is_ok_and(|selector| selector.selects(pod.metadata.labels.as_ref()))
}

/// Asks a pod's budget. It is changed where it counts the eviction.
pub(super) fn judge(
    pod: &Pod,
    budget: &mut PodDisruptionBudget,
    now: Timestamp,
) -> Result<Verdict> {
    let status = budget.status.clone().unwrap_or_default();
    let number = |count: Option<i32>| count.unwrap_or_default();
    let wanted = number(status.desired_healthy);
    if !is_ready(pod) {
        let spec = budget.spec.as_ref();
        let policy = spec.and_then(|spec| spec.unhealthy_pod_eviction_policy.as_deref());
        let undisturbed = number(status.current_healthy) >= wanted && wanted > 0;
        if policy == Some("AlwaysAllow") || undisturbed {
            return Ok(Verdict::Unhealthy);
        }
    }
    let name = budget.metadata.name.clone().unwrap_or_default();
    let forbidden = |why| StatusError::forbidden("policy", "poddisruptionbudget", &name, why);
    let seen = status.observed_generation.unwrap_or_default();
    if seen < budget.metadata.generation.unwrap_or_default() {
        let cause = format!("The disruption budget {name} is still being processed by the server.");
        return Err(refused(RETRY_AFTER, cause));
    }
    let allowed = number(status.disruptions_allowed);
    if allowed < 0 {
        return Err(forbidden("pdb disruptions allowed is negative"));
    }
    let disrupted = status.disrupted_pods.as_ref().map_or(0, |pods| pods.len());
    if disrupted > MAX_DISRUPTED {
        return Err(forbidden(
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        ));
    }
    if allowed == 0 {
        return Err(refused(0, exhausted(&name, &status)));
    }
    count(pod, budget, now);
    Ok(Verdict::Counted)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|it| it.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|it| it.type_ == "Ready" && it.status == "True")
}

fn refused(retry_after: i32, cause: String) -> StatusError {
    let mut error = StatusError::too_many_requests(VIOLATES, retry_after);
    let details = error.details.get_or_insert_default();
    if retry_after == 0 {
        details.retry_after_seconds = None;
    }
    details.causes = Some(vec![StatusCause {
        reason: Some("DisruptionBudget".into()),
        message: Some(cause),
        field: None,
    }]);
    error
}

/// Why a budget allows nothing.
fn exhausted(name: &str, status: &PodDisruptionBudgetStatus) -> String {
    let conditions = status.conditions.iter().flatten();
    let refusal = conditions
        .into_iter()
        .find(|it| it.type_ == ALLOWED)
        .filter(|it| it.status == "False" && !it.message.is_empty());
    let (wanted, there) = (
        status.desired_healthy.unwrap_or_default(),
        status.current_healthy.unwrap_or_default(),
    );
    let currently = format!("The disruption budget {name} does not allow evicting pods currently");
    match refusal {
        Some(it) if it.reason == "SyncFailed" => {
            format!("{currently} because it failed sync: {}", it.message)
        }
        _ if there <= wanted => {
            format!(
                "The disruption budget {name} needs {wanted} healthy pods and has {there} currently"
            )
        }
        Some(it) => format!("{currently} ({}): {}", it.reason, it.message),
        None => currently,
    }
}

/// One disruption less is allowed, and the budget's controller will know of whom.
fn count(pod: &Pod, budget: &mut PodDisruptionBudget, now: Timestamp) {
    let generation = budget.metadata.generation;
    let status = budget.status.get_or_insert_default();
    let allowed = status.disruptions_allowed.unwrap_or_default() - 1;
    status.disruptions_allowed = Some(allowed);
    if allowed == 0 {
        refuse_more(status, generation, now);
    }
    let name = pod.metadata.name.clone().unwrap_or_default();
    let disrupted = status.disrupted_pods.get_or_insert_default();
    disrupted.insert(name, seconds(now));
}

fn refuse_more(status: &mut PodDisruptionBudgetStatus, generation: Option<i64>, now: Timestamp) {
    let conditions = status.conditions.get_or_insert_default();
    let there = conditions.iter().position(|it| it.type_ == ALLOWED);
    let before = there.map(|at| conditions.remove(at));
    let since = before
        .filter(|it| it.status == "False")
        .map_or_else(|| seconds(now), |it| it.last_transition_time);
    let condition = Condition {
        type_: ALLOWED.into(),
        status: "False".into(),
        reason: "InsufficientPods".into(),
        message: String::new(),
        last_transition_time: since,
        observed_generation: generation,
    };
    conditions.insert(there.unwrap_or(conditions.len()), condition);
}
