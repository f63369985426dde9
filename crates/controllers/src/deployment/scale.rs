//! Changes of size: of one set, or of all in proportion when the deployment was scaled in the middle of a roll-out.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use navarch_client::EventType;

use super::{Rollout, annotations, available, limits, total, wanted};
use crate::{Action, Plan};

/// Whether the deployment was scaled since its sets were.
pub(super) fn is_due(rollout: &Rollout) -> bool {
    let mut active = rollout.all().filter(|set| wanted(set) > 0);
    active.any(|set| annotations::desired(set).is_some_and(|desired| desired != rollout.replicas()))
}

/// Gives a set a size; answers whether that is a change.
pub(super) fn to(rollout: &Rollout, set: &Arc<ReplicaSet>, size: i32, plan: &mut Plan) -> bool {
    let before = wanted(set);
    if before == size {
        return false;
    }
    plan.then(resize(rollout, set, size));
    true
}

fn resize(rollout: &Rollout, set: &Arc<ReplicaSet>, size: i32) -> Action {
    let before = wanted(set);
    let mut changed = (**set).clone();
    changed.spec.get_or_insert_default().replicas = Some(size);
    annotations::note_size(
        &mut changed,
        rollout.replicas(),
        rollout.replicas() + limits::of(rollout).surge,
    );
    let action = Action::update(changed);
    if before == size {
        return action;
    }
    let direction = if size > before { "up" } else { "down" };
    let name = set.metadata.name.as_deref().unwrap_or("");
    let message = format!("Scaled {direction} replica set {name} from {before} to {size}");
    action.telling(rollout.note(EventType::Normal, "ScalingReplicaSet", message))
}

/// Brings all sets to the deployment's size.
pub(super) fn all(rollout: &Rollout, plan: &mut Plan) {
    let active: Vec<&Arc<ReplicaSet>> = rollout.all().filter(|set| wanted(set) > 0).collect();
    match active.as_slice() {
        [] => {
            if let Some(latest) = rollout.new.as_ref().or(rollout.old.last()) {
                to(rollout, latest, rollout.replicas(), plan);
            }
            return;
        }
        [only] => {
            if !to(rollout, only, rollout.replicas(), plan) {
                note_size(rollout, only, plan);
            }
            return;
        }
        _ => {}
    }
    if rollout
        .new
        .as_deref()
        .is_some_and(|new| is_saturated(rollout, new))
    {
        for set in &rollout.old {
            to(rollout, set, 0, plan);
        }
        return;
    }
    if rollout.is_rolling() {
        in_proportion(rollout, active, plan);
    }
}

/// Whether the newest set carries the deployment alone already.
fn is_saturated(rollout: &Rollout, new: &ReplicaSet) -> bool {
    let replicas = rollout.replicas();
    wanted(new) == replicas
        && annotations::desired(new) == Some(replicas)
        && available(new) == replicas
}

fn note_size(rollout: &Rollout, set: &Arc<ReplicaSet>, plan: &mut Plan) {
    let mut changed = (**set).clone();
    if annotations::note_size(
        &mut changed,
        rollout.replicas(),
        rollout.replicas() + limits::of(rollout).surge,
    ) {
        plan.then(Action::update(changed));
    }
}

/// Spreads the change over all active sets by their share, so that a roll-out that got stuck does not gain or lose weight.
fn in_proportion(rollout: &Rollout, mut active: Vec<&Arc<ReplicaSet>>, plan: &mut Plan) {
    let replicas = rollout.replicas();
    let allowed = if replicas > 0 {
        replicas + limits::of(rollout).surge
    } else {
        0
    };
    let missing = allowed - total(active.iter(), wanted);
    // The largest first, as it takes what rounding leaves; of equals, when growing the newest, when shrinking the oldest.
    active.sort_by(|a, b| {
        let age = |set: &ReplicaSet| set.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let by_age = if missing > 0 {
            age(b).cmp(&age(a))
        } else {
            age(a).cmp(&age(b))
        };
        wanted(b).cmp(&wanted(a)).then(by_age)
    });
    let mut spread = 0;
    let mut sizes: Vec<i32> = Vec::with_capacity(active.len());
    for set in &active {
        let share = if missing == 0 {
            0
        } else {
            share(rollout, set, allowed, missing, missing - spread)
        };
        spread += share;
        sizes.push(wanted(set) + share);
    }
    if let Some(largest) = sizes.first_mut() {
        *largest = (*largest + missing - spread).max(0);
    }
    for (set, size) in active.into_iter().zip(sizes) {
        if !to(rollout, set, size, plan) {
            note_size(rollout, set, plan);
        }
    }
}

/// A set's part in the change: what its size would be at the deployment's new size, less what it is.
fn share(rollout: &Rollout, set: &ReplicaSet, allowed: i32, missing: i32, left: i32) -> i32 {
    let size = wanted(set);
    if rollout.replicas() == 0 {
        return -size;
    }
    let base = annotations::max(set)
        .filter(|max| *max > 0)
        .or_else(|| rollout.deployment.status.as_ref()?.replicas)
        .unwrap_or(allowed);
    let ideal = f64::from(size) * f64::from(allowed) / f64::from(base.max(1));
    #[allow(
        clippy::cast_possible_truncation,
        reason = "both factors are numbers of pods"
    )]
    let share = ideal.round() as i32 - size;
    if missing > 0 {
        share.clamp(0, left.max(0))
    } else {
        share.clamp(left.min(0), 0)
    }
}
