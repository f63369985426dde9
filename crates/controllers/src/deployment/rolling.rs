//! The rolling update: the new set grows as far as the surge allows, the old ones shrink as far as availability allows.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::{
    Rollout, View, available, history, limits, new_replica_set, scale, status, total, wanted,
};
use crate::Plan;

/// One move: first the new set, then the old ones, then the tidying up.
pub(super) fn step(rollout: &Rollout, view: &View, plan: &mut Plan) {
    let Some(new) = &rollout.new else {
        new_replica_set::create(rollout, &view.replica_sets, plan);
        return;
    };
    if new_replica_set::keep_revision(rollout, plan) {
        return;
    }
    let moved = grow(rollout, new, plan) || shrink(rollout, new, plan);
    if !moved && status::is_complete(rollout) {
        history::trim(rollout, plan);
    }
    status::sync(rollout, plan);
}

fn grow(rollout: &Rollout, new: &Arc<ReplicaSet>, plan: &mut Plan) -> bool {
    let size = if wanted(new) > rollout.replicas() {
        rollout.replicas()
    } else {
        new_replica_set::size(rollout)
    };
    scale::to(rollout, new, size, plan)
}

fn shrink(rollout: &Rollout, new: &Arc<ReplicaSet>, plan: &mut Plan) -> bool {
    if total(rollout.old.iter(), wanted) == 0 {
        return false;
    }
    let least = rollout.replicas() - limits::of(rollout).unavailable;
    let new_unavailable = wanted(new) - staying(new);
    let spare = total(rollout.all(), wanted) - least - new_unavailable;
    if spare <= 0 {
        return false;
    }
    let mut sizes: Vec<i32> = rollout.old.iter().map(|set| wanted(set)).collect();
    drop_unhealthy(rollout, &mut sizes, spare);
    drop_available(rollout, &mut sizes, least);
    let mut moved = false;
    for (set, size) in rollout.old.iter().zip(sizes) {
        moved |= scale::to(rollout, set, size, plan);
    }
    moved
}

/// The available pods that a set keeps: of more than it is told to have some will go as soon as its own controller gets to it.
fn staying(set: &ReplicaSet) -> i32 {
    available(set).min(wanted(set))
}

/// Pods of old sets that are not available anyway go first: they cost nothing.
fn drop_unhealthy(rollout: &Rollout, sizes: &mut [i32], mut spare: i32) {
    for (set, size) in rollout.old.iter().zip(sizes) {
        let cut = (*size - staying(set)).clamp(0, spare.max(0));
        *size -= cut;
        spare -= cut;
    }
}

/// Of those that are available so many go as are over the least that must stay.
fn drop_available(rollout: &Rollout, sizes: &mut [i32], least: i32) {
    let mut surplus = total(rollout.all(), staying) - least;
    for size in sizes {
        let cut = (*size).clamp(0, surplus.max(0));
        *size -= cut;
        surplus -= cut;
    }
}
