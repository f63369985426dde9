//! Daemon sets.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetStatus};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{format_labels, selector_cell};
use crate::pod::{
    default_selected_template, drop_disabled_template_fields, same, template_warnings,
};
use crate::strategy::{Hooks, Part};
use crate::{naming, workload};

/// Counts the changes of the template. Nothing reads it any more, and every daemon set carries it.
pub(crate) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

impl Hooks for DaemonSet {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Desired",
            "integer",
            "",
            0,
            "The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod). More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
        ),
        Column::of(
            "Current",
            "integer",
            "",
            0,
            "The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod. More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
        ),
        Column::of(
            "Ready",
            "integer",
            "",
            0,
            "numberReady is the number of nodes that should be running the daemon pod and have one or more of the daemon pod running with a Ready Condition.",
        ),
        Column::of(
            "Up-to-date",
            "integer",
            "",
            0,
            "The total number of nodes that are running updated daemon pod",
        ),
        Column::of(
            "Available",
            "integer",
            "",
            0,
            "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available (ready for at least spec.minReadySeconds)",
        ),
        Column::of(
            "Node Selector",
            "string",
            "",
            0,
            "NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node. More info: https://kubernetes.io/docs/concepts/configuration/assign-pod-node/",
        ),
        cell::AGE,
        workload::CONTAINERS,
        workload::IMAGES,
        Column::of(
            "Selector",
            "string",
            "",
            1,
            "A label query over pods that are managed by the daemon set. Must match in order to be controlled. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
        ),
    ];

    fn after_decode(&mut self, json: &[u8]) {
        workload::mark_given_selector(&mut self.spec.get_or_insert_default().selector, json);
    }

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        default_selected_template(&mut spec.template);
        spec.revision_history_limit.get_or_insert(10);
        drop_empty(&mut spec.min_ready_seconds);
        default_strategy(spec);
        drop_empty_counts(self.status.get_or_insert_default());
        // Whoever writes a daemon set writes this too.
        let generation = template_generation(self);
        set_template_generation(self, generation);
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(DaemonSetStatus::default());
        self.metadata.generation = Some(1);
        let generation = template_generation(self).max(1);
        set_template_generation(self, generation);
        if let Some(spec) = &mut self.spec {
            drop_disabled_template_fields(&mut spec.template, None);
        }
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        let generation = template_generation(old);
        set_template_generation(self, generation);
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        if let Some(spec) = &mut self.spec {
            drop_disabled_template_fields(&mut spec.template, template(old));
        }
        if !same(&template(self), &template(old)) {
            set_template_generation(self, generation + 1);
        }
        if !same(&self.spec, &old.spec) {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let spec = self.spec.iter();
        spec.flat_map(|spec| validate::spec(spec, &Path::new("spec")))
            .collect()
    }

    // What may not change is told first.
    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return validate::status(self, old);
        }
        let mut errors = ErrorList::new();
        if let (Some(spec), Some(before)) = (&self.spec, &old.spec) {
            let path = Path::new("spec").child("selector");
            errors.extend(workload::validate_same_selector(
                &spec.selector,
                &before.selector,
                &path,
            ));
        }
        errors.extend(self.validate());
        errors
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let unchanged =
            old.is_some_and(|old| template_generation(old) == template_generation(self));
        match template(self) {
            Some(it) if !unchanged => template_warnings(
                it,
                old.and_then(template),
                &Path::new("spec").child("template"),
            ),
            _ => Vec::new(),
        }
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let status = self.status.clone().unwrap_or_default();
        let nodes = template(self)
            .and_then(|template| template.spec.as_ref())
            .and_then(|spec| spec.node_selector.as_ref());
        let [names, images] = workload::container_cells(template(self));
        vec![
            cell::name(&self.metadata),
            status.desired_number_scheduled.into(),
            status.current_number_scheduled.into(),
            status.number_ready.into(),
            status.updated_number_scheduled.unwrap_or_default().into(),
            status.number_available.unwrap_or_default().into(),
            format_labels(nodes).into(),
            cell::age(&self.metadata, now),
            names,
            images,
            selector_cell(self.spec.as_ref().map(|spec| &spec.selector)),
        ]
    }
}

fn template(set: &DaemonSet) -> Option<&PodTemplateSpec> {
    Some(&set.spec.as_ref()?.template)
}

fn template_generation(set: &DaemonSet) -> i64 {
    set.metadata
        .annotations
        .as_ref()
        .and_then(|notes| notes.get(TEMPLATE_GENERATION)?.parse().ok())
        .unwrap_or_default()
}

fn set_template_generation(set: &mut DaemonSet, generation: i64) {
    let notes = set.metadata.annotations.get_or_insert_default();
    notes.insert(TEMPLATE_GENERATION.to_owned(), generation.to_string());
}

fn default_strategy(spec: &mut DaemonSetSpec) {
    let strategy = spec.update_strategy.get_or_insert_default();
    drop_empty(&mut strategy.type_);
    let kind = strategy
        .type_
        .get_or_insert_with(|| "RollingUpdate".to_owned());
    if kind != "RollingUpdate" {
        return;
    }
    let rolling = strategy.rolling_update.get_or_insert_default();
    rolling.max_unavailable.get_or_insert(IntOrString::Int(1));
    rolling.max_surge.get_or_insert(IntOrString::Int(0));
}

fn drop_empty_counts(status: &mut DaemonSetStatus) {
    drop_empty(&mut status.observed_generation);
    drop_empty(&mut status.updated_number_scheduled);
    drop_empty(&mut status.number_available);
    drop_empty(&mut status.number_unavailable);
    drop_empty(&mut status.conditions);
}
