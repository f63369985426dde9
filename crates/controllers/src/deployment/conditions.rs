//! A deployment's conditions: made, kept and compared.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DeploymentCondition, DeploymentSpec, DeploymentStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Rollout, status};
use crate::Plan;

/// The type of the condition that tells whether the roll-out moves.
pub(super) const PROGRESSING: &str = "Progressing";

/// A condition before it is put into a status, which gives it its times.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    pub(super) reason: String,
    pub(super) message: String,
}

pub(super) fn progressing(status: &'static str, reason: &str, message: String) -> Condition {
    Condition {
        kind: PROGRESSING,
        status,
        reason: reason.to_owned(),
        message,
    }
}

/// Whether progress is watched: no deadline, or the greatest, means no.
pub(super) fn has_deadline(spec: &DeploymentSpec) -> bool {
    spec.progress_deadline_seconds
        .is_some_and(|seconds| seconds != i32::MAX)
}

pub(super) fn find<'a>(
    status: &'a DeploymentStatus,
    kind: &str,
) -> Option<&'a DeploymentCondition> {
    status
        .conditions
        .as_deref()?
        .iter()
        .find(|condition| condition.type_ == kind)
}

/// Whether the deployment should say that it progresses and does not yet.
pub(super) fn needs_progressing(rollout: &Rollout) -> bool {
    let said = rollout
        .deployment
        .status
        .as_ref()
        .is_some_and(|status| find(status, PROGRESSING).is_some());
    has_deadline(&rollout.spec) && !said
}

/// Puts a condition into a status. One of equal status and reason stays as it is; of equal status keeps its transition time.
pub(super) fn set(status: &mut DeploymentStatus, condition: Condition, now: Timestamp) {
    let conditions = status.conditions.get_or_insert_default();
    let before = conditions
        .iter()
        .position(|old| old.type_ == condition.kind)
        .map(|at| (at, conditions[at].clone()));
    if let Some((_, old)) = &before
        && old.status == condition.status
        && old.reason.as_deref() == Some(condition.reason.as_str())
    {
        return;
    }
    let same_status = before
        .as_ref()
        .filter(|(_, old)| old.status == condition.status);
    let transition = same_status
        .and_then(|(_, old)| old.last_transition_time.clone())
        .unwrap_or(Time(now));
    let new = DeploymentCondition {
        type_: condition.kind.to_owned(),
        status: condition.status.to_owned(),
        reason: Some(condition.reason),
        message: Some(condition.message),
        last_update_time: Some(Time(now)),
        last_transition_time: Some(transition),
    };
    if let Some((at, _)) = before {
        conditions.remove(at);
    }
    conditions.push(new);
}

/// Removes a condition.
pub(super) fn remove(status: &mut DeploymentStatus, kind: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|condition| condition.type_ != kind);
    }
}

/// A deployment that is paused or resumed says so, once. This also restarts the deadline.
pub(super) fn note_pause(rollout: &Rollout, plan: &mut Plan) -> bool {
    if !has_deadline(&rollout.spec) {
        return false;
    }
    let before = rollout
        .deployment
        .status
        .as_ref()
        .and_then(|status| find(status, PROGRESSING));
    let reason = before.and_then(|condition| condition.reason.as_deref());
    if reason == Some("ProgressDeadlineExceeded") {
        return false;
    }
    let said = reason == Some("DeploymentPaused");
    let (reason, message) = match (rollout.is_paused(), said) {
        (true, false) => ("DeploymentPaused", "Deployment is paused"),
        (false, true) => ("DeploymentResumed", "Deployment is resumed"),
        _ => return false,
    };
    status::write_condition(
        rollout,
        progressing("Unknown", reason, message.into()),
        plan,
    );
    true
}
