//! Replication controllers: replica sets by their older name, and kept by the same plan.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{
    Pod, PodTemplateSpec, ReplicationController, ReplicationControllerCondition,
    ReplicationControllerStatus,
};
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};
use navarch_machinery::labels::Selector;

use crate::replicaset::{self, replicated::Replicated};
use crate::{Controller, Failure, Plan, Watched};

/// The controller. Pods need the indices of [`replicaset::pod_indices`].
pub struct ReplicationControllers {
    /// Replication controllers.
    pub controllers: Informer<ReplicationController>,
    /// Pods.
    pub pods: Informer<Pod>,
}

/// What a plan looks at.
pub struct View {
    /// Replication controllers.
    pub controllers: Snapshot<ReplicationController>,
    /// Pods.
    pub pods: Snapshot<Pod>,
}

impl Controller for ReplicationControllers {
    const NAME: &'static str = "replication-controller";
    const ACCOUNT: &'static str = "replication-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        replicaset::queue_owners(queue, &self.controllers, &self.pods);
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.controllers, &self.pods]
    }

    fn view(&self) -> View {
        View {
            controllers: self.controllers.snapshot(),
            pods: self.pods.snapshot(),
        }
    }

    fn plan(&self, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        replicaset::plan(now, &view.controllers, &view.pods, key, None)
    }

    fn plan_after(&self, failure: &Failure, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        replicaset::plan(now, &view.controllers, &view.pods, key, Some(failure))
    }
}

impl Replicated for ReplicationController {
    fn selector(&self) -> Option<Selector> {
        let labels = self.spec.as_ref()?.selector.as_ref()?;
        Some(Selector::from_set(labels)).filter(|selector| !selector.is_empty())
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
        let status = self.status.clone()?;
        let condition = |it: ReplicationControllerCondition| ReplicaSetCondition {
            type_: it.type_,
            status: it.status,
            last_transition_time: it.last_transition_time,
            reason: it.reason,
            message: it.message,
        };
        Some(ReplicaSetStatus {
            replicas: status.replicas,
            fully_labeled_replicas: status.fully_labeled_replicas,
            ready_replicas: status.ready_replicas,
            available_replicas: status.available_replicas,
            terminating_replicas: None,
            observed_generation: status.observed_generation,
            conditions: status
                .conditions
                .map(|all| all.into_iter().map(condition).collect()),
        })
    }

    fn set_counts(&mut self, counts: ReplicaSetStatus) {
        let condition = |it: ReplicaSetCondition| ReplicationControllerCondition {
            type_: it.type_,
            status: it.status,
            last_transition_time: it.last_transition_time,
            reason: it.reason,
            message: it.message,
        };
        self.status = Some(ReplicationControllerStatus {
            replicas: counts.replicas,
            fully_labeled_replicas: counts.fully_labeled_replicas,
            ready_replicas: counts.ready_replicas,
            available_replicas: counts.available_replicas,
            observed_generation: counts.observed_generation,
            conditions: counts
                .conditions
                .map(|all| all.into_iter().map(condition).collect()),
        });
    }
}
