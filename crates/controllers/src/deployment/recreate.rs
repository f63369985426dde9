//! The Recreate strategy: all old pods go, and when the last is gone the new ones come.

use navarch_client::Index;

use super::{Rollout, View, history, new_replica_set, scale, status};
use crate::{Plan, pods};

/// One move.
pub(super) fn step(rollout: &Rollout, view: &View, plan: &mut Plan) {
    if new_replica_set::keep_revision(rollout, plan) {
        return;
    }
    let mut moved = false;
    for set in &rollout.old {
        moved |= scale::to(rollout, set, 0, plan);
    }
    if moved || old_pods_run(rollout, view) {
        status::sync(rollout, plan);
        return;
    }
    let Some(new) = &rollout.new else {
        new_replica_set::create(rollout, &view.replica_sets, plan);
        return;
    };
    if !scale::to(rollout, new, rollout.replicas(), plan) && status::is_complete(rollout) {
        history::trim(rollout, plan);
    }
    status::sync(rollout, plan);
}

/// Whether a pod of an old set still runs, or may. Those being deleted count until they are gone.
fn old_pods_run(rollout: &Rollout, view: &View) -> bool {
    let uids = rollout
        .old
        .iter()
        .filter_map(|set| set.metadata.uid.as_deref());
    uids.flat_map(|uid| view.pods.by_index(Index::CONTROLLER, uid))
        .any(|pod| !pods::has_ended(pod))
}
