//! Whether a roll-out moves on: complete, moving, or stuck for longer than its deadline.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::DeploymentStatus;

use super::conditions::{self, Condition, PROGRESSING, find, progressing};
use super::{Rollout, status};
use crate::Plan;

/// Sets the Progressing and ReplicaFailure conditions of `next`.
pub(super) fn judge(rollout: &Rollout, next: &mut DeploymentStatus, plan: &mut Plan) {
    if conditions::has_deadline(&rollout.spec) {
        progress(rollout, next);
        wake_at_deadline(rollout, next, plan);
    } else {
        conditions::remove(next, PROGRESSING);
    }
    match failure(rollout) {
        Some(failure) => conditions::set(next, failure, rollout.now),
        None => conditions::remove(next, "ReplicaFailure"),
    }
}

fn progress(rollout: &Rollout, next: &mut DeploymentStatus) {
    let reason = find(next, PROGRESSING).and_then(|condition| condition.reason.as_deref());
    if next.replicas == next.updated_replicas && reason == Some("NewReplicaSetAvailable") {
        return;
    }
    let subject = match rollout
        .new
        .as_ref()
        .and_then(|new| new.metadata.name.as_deref())
    {
        Some(name) => format!("ReplicaSet {name:?}"),
        None => format!(
            "Deployment {:?}",
            rollout.deployment.metadata.name.as_deref().unwrap_or("")
        ),
    };
    if status::is_complete(rollout) {
        let message = format!("{subject} has successfully progressed.");
        conditions::set(
            next,
            progressing("True", "NewReplicaSetAvailable", message),
            rollout.now,
        );
    } else if has_moved(rollout, next) {
        // Renewed even where nothing but its time changes: the deadline counts from the last move.
        let transition = find(next, PROGRESSING)
            .filter(|old| old.status == "True")
            .and_then(|old| old.last_transition_time.clone());
        conditions::remove(next, PROGRESSING);
        let message = format!("{subject} is progressing.");
        conditions::set(
            next,
            progressing("True", "ReplicaSetUpdated", message),
            rollout.now,
        );
        if let (Some(time), Some(condition)) = (
            transition,
            next.conditions
                .iter_mut()
                .flatten()
                .find(|c| c.type_ == PROGRESSING),
        ) {
            condition.last_transition_time = Some(time);
        }
    } else if deadline(rollout, next).is_some_and(|deadline| deadline < rollout.now) {
        let message = format!("{subject} has timed out progressing.");
        conditions::set(
            next,
            progressing("False", "ProgressDeadlineExceeded", message),
            rollout.now,
        );
    }
}

fn has_moved(rollout: &Rollout, next: &DeploymentStatus) -> bool {
    let before = rollout.deployment.status.clone().unwrap_or_default();
    let n = |count: Option<i32>| count.unwrap_or(0);
    let old = |status: &DeploymentStatus| n(status.replicas) - n(status.updated_replicas);
    n(next.updated_replicas) > n(before.updated_replicas)
        || old(next) < old(&before)
        || n(next.ready_replicas) > n(before.ready_replicas)
        || n(next.available_replicas) > n(before.available_replicas)
}

/// When the roll-out counts as stuck. `None` where it has nothing to do, or is known to be stuck.
fn deadline(rollout: &Rollout, next: &DeploymentStatus) -> Option<Timestamp> {
    let condition = find(next, PROGRESSING)?;
    if matches!(
        condition.reason.as_deref(),
        Some("NewReplicaSetAvailable" | "ProgressDeadlineExceeded")
    ) {
        return None;
    }
    let from = condition.last_update_time.as_ref()?.0;
    let seconds = i64::from(rollout.spec.progress_deadline_seconds?);
    from.checked_add(SignedDuration::from_secs(seconds)).ok()
}

fn wake_at_deadline(rollout: &Rollout, next: &DeploymentStatus, plan: &mut Plan) {
    if !status::is_complete(rollout)
        && let Some(deadline) = deadline(rollout, next)
    {
        // A second later: the times of conditions are whole seconds.
        plan.wake_at(
            deadline
                .saturating_add(SignedDuration::from_secs(1))
                .unwrap_or(deadline),
        );
    }
}

/// A set that cannot make its pods makes its deployment say so.
fn failure(rollout: &Rollout) -> Option<Condition> {
    let sets = rollout.new.iter().chain(&rollout.old);
    let mut conditions = sets.flat_map(|set| {
        set.status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten())
    });
    let failed = conditions
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    Some(Condition {
        kind: "ReplicaFailure",
        status: "True",
        reason: failed.reason.clone().unwrap_or_default(),
        message: failed.message.clone().unwrap_or_default(),
    })
}
