//! What replica sets and replication controllers have in common: they keep a number of alike pods, and count them.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSetStatus;
use k8s_openapi::api::core::v1::{PodTemplateSpec, ReplicationControllerStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use super::{CONTAINERS, IMAGES, container_cells, validate_at_most, validate_counts};
use crate::cell;
use crate::def::Column;

/// The columns of [`cells`].
pub(crate) const COLUMNS: &[Column] = &[
    cell::NAME,
    Column::of(
        "Desired",
        "integer",
        "",
        0,
        "Replicas is the number of desired pods. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
    ),
    Column::of(
        "Current",
        "integer",
        "",
        0,
        "Replicas is the most recently observed number of non-terminating pods. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
    ),
    Column::of(
        "Ready",
        "integer",
        "",
        0,
        "The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition.",
    ),
    cell::AGE,
    CONTAINERS,
    IMAGES,
    Column::of(
        "Selector",
        "string",
        "",
        1,
        "Selector is a label query over pods that should match the replica count. Label keys and values that must match in order to be controlled by this replica set. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];
/// The field that a selector may name: the pods there are.
pub(crate) const FIELDS: &[&str] = &[REPLICAS];
pub(crate) const REPLICAS: &str = "status.replicas";

/// What a status counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) replicas: i32,
    pub(crate) ready: i32,
    labelled: i32,
    available: i32,
    observed_generation: i64,
    terminating: i32,
}

impl From<&ReplicaSetStatus> for Counts {
    fn from(status: &ReplicaSetStatus) -> Self {
        Self {
            replicas: status.replicas,
            ready: status.ready_replicas.unwrap_or_default(),
            labelled: status.fully_labeled_replicas.unwrap_or_default(),
            available: status.available_replicas.unwrap_or_default(),
            observed_generation: status.observed_generation.unwrap_or_default(),
            terminating: status.terminating_replicas.unwrap_or_default(),
        }
    }
}

impl From<&ReplicationControllerStatus> for Counts {
    fn from(status: &ReplicationControllerStatus) -> Self {
        Self {
            replicas: status.replicas,
            ready: status.ready_replicas.unwrap_or_default(),
            labelled: status.fully_labeled_replicas.unwrap_or_default(),
            available: status.available_replicas.unwrap_or_default(),
            observed_generation: status.observed_generation.unwrap_or_default(),
            terminating: 0,
        }
    }
}

impl Counts {
    /// Checks that nothing is negative, and that no part is more than the whole.
    pub(crate) fn validate(self) -> ErrorList {
        let path = Path::new("status");
        let counts = [
            ("replicas", self.replicas.into()),
            ("fullyLabeledReplicas", self.labelled.into()),
            ("readyReplicas", self.ready.into()),
            ("availableReplicas", self.available.into()),
            ("observedGeneration", self.observed_generation),
            ("terminatingReplicas", self.terminating.into()),
        ];
        let mut errors = validate_counts(&counts, &path);
        let (all, of) = (self.replicas, "status.replicas");
        errors.extend(
            [
                ("fullyLabeledReplicas", self.labelled, all, of),
                ("readyReplicas", self.ready, all, of),
                ("availableReplicas", self.available, all, of),
                (
                    "availableReplicas",
                    self.available,
                    self.ready,
                    "readyReplicas",
                ),
            ]
            .into_iter()
            .flat_map(|(name, part, whole, of)| validate_at_most(name, part, whole, of, &path)),
        );
        errors
    }
}

/// The row of one of these.
pub(crate) fn cells(
    meta: &ObjectMeta,
    desired: i32,
    counts: Counts,
    template: Option<&PodTemplateSpec>,
    selector: Value,
    now: Timestamp,
) -> Vec<Value> {
    let [names, images] = container_cells(template);
    vec![
        cell::name(meta),
        desired.into(),
        counts.replicas.into(),
        counts.ready.into(),
        cell::age(meta, now),
        names,
        images,
        selector,
    ]
}
