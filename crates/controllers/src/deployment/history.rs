//! Old, empty replica sets are kept as far as the history limit says: each is a revision to go back to.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::{Rollout, annotations, wanted};
use crate::{Action, Plan};

/// Deletes the oldest revisions over the limit.
pub(super) fn trim(rollout: &Rollout, plan: &mut Plan) {
    let Some(limit) = rollout
        .spec
        .revision_history_limit
        .filter(|limit| *limit != i32::MAX)
    else {
        return;
    };
    let mut old: Vec<&Arc<ReplicaSet>> = rollout
        .old
        .iter()
        .filter(|set| set.metadata.deletion_timestamp.is_none())
        .collect();
    let surplus = old
        .len()
        .saturating_sub(usize::try_from(limit).unwrap_or(0));
    old.sort_by_key(|set| annotations::revision(&set.metadata));
    let doomed = old.into_iter().take(surplus).filter(|set| is_idle(set));
    plan.then_all(doomed.map(|set| Action::delete(set.as_ref())).collect());
}

/// Whether it has no pods, not even any that are about to go, wants none, and its controller has seen that.
fn is_idle(set: &ReplicaSet) -> bool {
    let status = set.status.clone().unwrap_or_default();
    wanted(set) == 0
        && status.replicas == 0
        && status.terminating_replicas.unwrap_or(0) == 0
        && status.observed_generation >= set.metadata.generation
}
