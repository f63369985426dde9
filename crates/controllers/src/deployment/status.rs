//! A deployment's status: what its sets add up to.

use k8s_openapi::api::apps::v1::{DeploymentStatus, ReplicaSet};

use super::conditions::{self, Condition};
use super::{Rollout, available, limits, progress, total, wanted};
use crate::{Action, Plan};

/// Brings the status up to what is, progress included, and plans to look again when the deadline has passed.
pub(super) fn sync(rollout: &Rollout, plan: &mut Plan) {
    let mut next = counted(rollout);
    if rollout.deployment.metadata.deletion_timestamp.is_none()
        && !rollout.is_paused()
        && !super::scale::is_due(rollout)
    {
        progress::judge(rollout, &mut next, plan);
    }
    write(rollout, next, plan);
}

fn write(rollout: &Rollout, next: DeploymentStatus, plan: &mut Plan) {
    if rollout.deployment.status.as_ref() != Some(&next) {
        let mut changed = (*rollout.deployment).clone();
        changed.status = Some(next);
        plan.then(Action::update_status(changed));
    }
}

/// Sets one condition and leaves the rest of the status as it is.
pub(super) fn write_condition(rollout: &Rollout, condition: Condition, plan: &mut Plan) {
    let mut next = rollout.deployment.status.clone().unwrap_or_default();
    conditions::set(&mut next, condition, rollout.now);
    write(rollout, next, plan);
}

/// Counts a collision of names and leaves the rest of the status as it is.
pub(super) fn write_collision(rollout: &Rollout, count: i32, plan: &mut Plan) {
    let mut next = rollout.deployment.status.clone().unwrap_or_default();
    next.collision_count = Some(count);
    write(rollout, next, plan);
}

/// The status by numbers, with the Available condition.
fn counted(rollout: &Rollout) -> DeploymentStatus {
    let before = rollout.deployment.status.clone().unwrap_or_default();
    let of = |count: fn(&ReplicaSet) -> i32| total(rollout.all(), count);
    let number = |n: i32| (n != 0).then_some(n);
    let ready = |set: &ReplicaSet| {
        set.status
            .as_ref()
            .and_then(|status| status.ready_replicas)
            .unwrap_or(0)
    };
    // Nobody knows it while one of the sets has not said it.
    let terminating = rollout.all().try_fold(0, |sum: i32, set| {
        let count = set.status.as_ref()?.terminating_replicas?;
        Some(sum.saturating_add(count))
    });
    let there = of(available);
    let mut next = DeploymentStatus {
        observed_generation: rollout.deployment.metadata.generation,
        replicas: number(of(existing)),
        updated_replicas: number(rollout.new.as_deref().map_or(0, existing)),
        ready_replicas: number(of(ready)),
        available_replicas: number(there),
        unavailable_replicas: number((of(wanted) - there).max(0)),
        terminating_replicas: terminating,
        collision_count: before.collision_count,
        conditions: before.conditions,
    };
    let enough = there >= rollout.replicas() - limits::of(rollout).unavailable;
    let (status, reason, message) = if enough {
        (
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    } else {
        (
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    let condition = Condition {
        kind: "Available",
        status,
        reason: reason.into(),
        message: message.into(),
    };
    conditions::set(&mut next, condition, rollout.now);
    next
}

/// The pods that a set has.
fn existing(set: &ReplicaSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

/// Whether every pod is of the newest set and available.
pub(super) fn is_complete(rollout: &Rollout) -> bool {
    let next = counted(rollout);
    let wanted = Some(rollout.replicas()).filter(|n| *n != 0);
    next.updated_replicas == wanted && next.replicas == wanted && next.available_replicas == wanted
}
