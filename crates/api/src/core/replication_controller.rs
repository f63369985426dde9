//! Replication controllers: what replica sets were before.

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::{
    PodTemplateSpec, ReplicationController, ReplicationControllerSpec, ReplicationControllerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use crate::autoscaling::scale_of;
use crate::cell;
use crate::check::non_negative;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{format_labels, format_selector};
use crate::naming;
use crate::pod::{default_selected_template, validate_template};
use crate::strategy::{Hooks, Part, Propagation};
use crate::workload::replicated::{self, Counts};
use crate::workload::{self, validate_running};

/// The columns of a replica set, with their words from here.
const COLUMNS: &[Column] = &[
    cell::NAME,
    Column::of(
        "Desired",
        "integer",
        "",
        0,
        "Replicas is the number of desired replicas. This is a pointer to distinguish between explicit zero and unspecified. \
        Defaults to 1. More info: \
        https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
    ),
    Column::of(
        "Current",
        "integer",
        "",
        0,
        "Replicas is the most recently observed number of replicas. More info: \
        https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
    ),
    Column::of(
        "Ready",
        "integer",
        "",
        0,
        "The number of ready replicas for this replication controller.",
    ),
    cell::AGE,
    workload::CONTAINERS,
    workload::IMAGES,
    Column::of(
        "Selector",
        "string",
        "",
        1,
        "Selector is a label query over pods that should match the Replicas count. If Selector is empty, it is defaulted to the \
        labels present on the Pod template. Label keys and values that must match in order to be controlled by this replication \
        controller, if empty defaulted to labels on Pod template. More info: \
        https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

impl Hooks for ReplicationController {
    const COLUMNS: &'static [Column] = COLUMNS;
    const FIELDS: &'static [&'static str] = replicated::FIELDS;
    const PROPAGATION: Propagation = Propagation::Orphan;

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        drop_empty(&mut spec.selector);
        drop_empty(&mut spec.min_ready_seconds);
        spec.replicas.get_or_insert(1);
        if let Some(template) = &mut spec.template {
            default_selected_template(template);
            let labels = template
                .metadata
                .as_ref()
                .and_then(|meta| meta.labels.clone())
                .filter(|labels| !labels.is_empty());
            if spec.selector.is_none() {
                spec.selector.clone_from(&labels);
            }
            if self.metadata.labels.is_none() {
                self.metadata.labels = labels;
            }
        }
        let status = self.status.get_or_insert_default();
        drop_empty(&mut status.observed_generation);
        drop_empty(&mut status.fully_labeled_replicas);
        drop_empty(&mut status.ready_replicas);
        drop_empty(&mut status.available_replicas);
        drop_empty(&mut status.conditions);
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(ReplicationControllerStatus::default());
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

    fn validate_update(&self, part: Part, _old: &Self) -> ErrorList {
        if part == Part::Status {
            counts(self).validate()
        } else {
            ErrorList::new()
        }
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let old = old.map(|old| (&old.metadata, template(old)));
        workload::warnings(&self.metadata, template(self), old)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let selector = format_labels(self.spec.as_ref().and_then(|spec| spec.selector.as_ref()));
        replicated::cells(
            &self.metadata,
            desired(self),
            counts(self),
            template(self),
            selector.into(),
            now,
        )
    }

    fn field(&self, path: &str) -> Option<String> {
        (path == replicated::REPLICAS).then(|| counts(self).replicas.to_string())
    }

    fn scale(&self) -> Option<Scale> {
        let selector = format_selector(&selector_of(self.spec.as_ref()?));
        Some(scale_of(
            &self.metadata,
            desired(self),
            counts(self).replicas,
            selector,
        ))
    }

    fn set_replicas(&mut self, replicas: i32) {
        self.spec.get_or_insert_default().replicas = Some(replicas);
    }
}

fn template(controller: &ReplicationController) -> Option<&PodTemplateSpec> {
    controller.spec.as_ref()?.template.as_ref()
}

fn desired(controller: &ReplicationController) -> i32 {
    controller
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or_default()
}

fn counts(controller: &ReplicationController) -> Counts {
    controller
        .status
        .as_ref()
        .map(Counts::from)
        .unwrap_or_default()
}

fn selector_of(spec: &ReplicationControllerSpec) -> LabelSelector {
    LabelSelector {
        match_labels: Some(spec.selector.clone().unwrap_or_default()),
        ..Default::default()
    }
}

fn validate_spec(spec: &ReplicationControllerSpec, path: &Path) -> ErrorList {
    let mut errors = non_negative(
        spec.min_ready_seconds.unwrap_or_default().into(),
        &path.child("minReadySeconds"),
    );
    if spec
        .selector
        .as_ref()
        .is_none_or(|selector| selector.is_empty())
    {
        errors.push(Error::required(&path.child("selector"), ""));
    }
    match spec.replicas {
        None => errors.push(Error::required(&path.child("replicas"), "")),
        Some(replicas) => errors.extend(non_negative(replicas.into(), &path.child("replicas"))),
    }
    let at = path.child("template");
    match &spec.template {
        None => errors.push(Error::required(&at, "")),
        Some(template) => {
            let selector = selector_of(spec);
            errors.extend(validate_template(template, Some(&selector), &at));
            errors.extend(validate_running(template, "ReplicationController", &at));
        }
    }
    errors
}
