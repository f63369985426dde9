//! Replica sets.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetSpec, ReplicaSetStatus};
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use crate::autoscaling::scale_of;
use crate::cell;
use crate::check::non_negative;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::format_selector;
use crate::naming;
use crate::pod::default_template;
use crate::strategy::{Hooks, Part};
use crate::workload::{self, validate_at_most, validate_counts, validate_selected_template};

impl Hooks for ReplicaSet {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Desired",
            "integer",
            "",
            0,
            "Replicas is the number of desired pods. This is a pointer to distinguish between explicit zero and unspecified. Defaults \
            to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
        ),
        Column::of(
            "Current",
            "integer",
            "",
            0,
            "Replicas is the most recently observed number of non-terminating pods. More info: \
            https://kubernetes.io/docs/concepts/workloads/controllers/replicaset",
        ),
        Column::of(
            "Ready",
            "integer",
            "",
            0,
            "The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition.",
        ),
        cell::AGE,
        Column::of(
            "Containers",
            "string",
            "",
            1,
            "Names of each container in the template.",
        ),
        Column::of(
            "Images",
            "string",
            "",
            1,
            "Images referenced by each container in the template.",
        ),
        Column::of(
            "Selector",
            "string",
            "",
            1,
            "Selector is a label query over pods that should match the replica count. Label keys and values that must match in order \
            to be controlled by this replica set. It must match the pod template's labels. More info: \
            https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
        ),
    ];
    const FIELDS: &'static [&'static str] = &["status.replicas"];

    fn after_decode(&mut self, json: &[u8]) {
        workload::mark_given_selector(&mut self.spec.get_or_insert_default().selector, json);
    }

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        default_template(spec.template.get_or_insert_default());
        spec.replicas.get_or_insert(1);
        drop_empty(&mut spec.min_ready_seconds);
        let status = self.status.get_or_insert_default();
        drop_empty(&mut status.observed_generation);
        drop_empty(&mut status.fully_labeled_replicas);
        drop_empty(&mut status.ready_replicas);
        drop_empty(&mut status.available_replicas);
        drop_empty(&mut status.conditions);
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(ReplicaSetStatus::default());
        self.metadata.generation = Some(1);
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        if self.spec != old.spec {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        self.spec
            .iter()
            .flat_map(|spec| validate_spec(spec, &Path::new("spec")))
            .collect()
    }

    fn validate_update(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return self
                .status
                .iter()
                .flat_map(|status| validate_status(status, &Path::new("status")))
                .collect();
        }
        let (Some(spec), Some(before)) = (&self.spec, &old.spec) else {
            return ErrorList::new();
        };
        if spec.selector == before.selector {
            return ErrorList::new();
        }
        let path = Path::new("spec").child("selector");
        vec![Error::invalid(
            &path,
            workload::shown_selector(&spec.selector),
            "field is immutable",
        )]
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let old = old.map(|old| (&old.metadata, template(old)));
        workload::warnings(&self.metadata, template(self), old)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let [names, images] = workload::container_cells(template(self));
        let selector = self
            .spec
            .as_ref()
            .map(|spec| format_selector(&spec.selector));
        let ready = self
            .status
            .as_ref()
            .and_then(|status| status.ready_replicas)
            .unwrap_or_default();
        vec![
            cell::name(&self.metadata),
            desired(self).into(),
            actual(self).into(),
            ready.into(),
            cell::age(&self.metadata, now),
            names,
            images,
            selector.unwrap_or_default().into(),
        ]
    }

    fn field(&self, path: &str) -> Option<String> {
        (path == "status.replicas").then(|| actual(self).to_string())
    }

    fn scale(&self) -> Option<Scale> {
        let selector = format_selector(&self.spec.as_ref()?.selector);
        Some(scale_of(
            &self.metadata,
            desired(self),
            actual(self),
            selector,
        ))
    }

    fn set_replicas(&mut self, replicas: i32) {
        self.spec.get_or_insert_default().replicas = Some(replicas);
    }
}

fn template(set: &ReplicaSet) -> Option<&PodTemplateSpec> {
    set.spec.as_ref()?.template.as_ref()
}

fn desired(set: &ReplicaSet) -> i32 {
    set.spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or_default()
}

fn actual(set: &ReplicaSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

fn validate_spec(spec: &ReplicaSetSpec, path: &Path) -> ErrorList {
    let count = |number: Option<i32>, name: &str| {
        non_negative(i64::from(number.unwrap_or_default()), &path.child(name))
    };
    let mut errors = count(spec.replicas, "replicas");
    errors.extend(count(spec.min_ready_seconds, "minReadySeconds"));
    let template = spec.template.clone().unwrap_or_default();
    errors.extend(validate_selected_template(
        &spec.selector,
        &template,
        "ReplicaSet",
        path,
    ));
    errors
}

fn validate_status(status: &ReplicaSetStatus, path: &Path) -> ErrorList {
    let number = |count: Option<i32>| count.unwrap_or_default();
    let (labelled, ready) = (
        number(status.fully_labeled_replicas),
        number(status.ready_replicas),
    );
    let available = number(status.available_replicas);
    let counts = [
        ("replicas", status.replicas.into()),
        ("fullyLabeledReplicas", labelled.into()),
        ("readyReplicas", ready.into()),
        ("availableReplicas", available.into()),
        (
            "observedGeneration",
            status.observed_generation.unwrap_or_default(),
        ),
        (
            "terminatingReplicas",
            number(status.terminating_replicas).into(),
        ),
    ];
    let mut errors = validate_counts(&counts, path);
    errors.extend(validate_at_most(
        "fullyLabeledReplicas",
        labelled,
        status.replicas,
        "status.replicas",
        path,
    ));
    errors.extend(validate_at_most(
        "readyReplicas",
        ready,
        status.replicas,
        "status.replicas",
        path,
    ));
    errors.extend(validate_at_most(
        "availableReplicas",
        available,
        status.replicas,
        "status.replicas",
        path,
    ));
    errors.extend(validate_at_most(
        "availableReplicas",
        available,
        ready,
        "readyReplicas",
        path,
    ));
    errors
}
