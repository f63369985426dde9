//! What replica sets and replication controllers have in common: so many pods of a template, and how many of them there are.

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use navarch_machinery::labels::Selector;
use navarch_machinery::object::Typed;

/// A kind that keeps a number of pods of one template.
pub(crate) trait Replicated: Typed {
    /// Which pods are its own. `None`: it cannot be read or would select all.
    fn selector(&self) -> Option<Selector>;
    /// How many pods there should be; `None` where it has no spec.
    fn replicas(&self) -> Option<i32>;
    /// How long a pod must be ready to be available.
    fn min_ready_seconds(&self) -> i32;
    /// Of what the pods are made.
    fn template(&self) -> Option<&PodTemplateSpec>;
    /// What its status says; `None` where it has none.
    fn counts(&self) -> Option<ReplicaSetStatus>;
    /// Has its status say this.
    fn set_counts(&mut self, counts: ReplicaSetStatus);
}

impl Replicated for ReplicaSet {
    fn selector(&self) -> Option<Selector> {
        Selector::from_label_selector(Some(&self.spec.as_ref()?.selector))
            .ok()
            .filter(|selector| !selector.is_empty())
    }

    fn replicas(&self) -> Option<i32> {
        self.spec.as_ref().map(|spec| spec.replicas.unwrap_or(1))
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec
            .as_ref()
            .and_then(|spec| spec.min_ready_seconds)
            .unwrap_or(0)
    }

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref()?.template.as_ref()
    }

    fn counts(&self) -> Option<ReplicaSetStatus> {
        self.status.clone()
    }

    fn set_counts(&mut self, counts: ReplicaSetStatus) {
        self.status = Some(counts);
    }
}

/// The condition of a set that cannot make or remove its pods.
pub(super) const REPLICA_FAILURE: &str = "ReplicaFailure";

/// Whether the status has the condition that pods could not be made or removed.
pub(super) fn has_failed(conditions: &[ReplicaSetCondition]) -> bool {
    conditions
        .iter()
        .any(|condition| condition.type_ == REPLICA_FAILURE)
}
