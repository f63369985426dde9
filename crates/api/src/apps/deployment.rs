//! Deployments.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus};
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::apply::Scope;
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use crate::autoscaling::scale_of;
use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{format_selector, selector_cell};
use crate::naming;
use crate::pod::default_selected_template;
use crate::strategy::{Hooks, Part};
use crate::workload;

impl Hooks for Deployment {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Ready",
            "string",
            "",
            0,
            "Number of the pod with ready state",
        ),
        Column::of(
            "Up-to-date",
            "string",
            "",
            0,
            "Total number of non-terminating pods targeted by this deployment that have the desired template spec.",
        ),
        Column::of(
            "Available",
            "string",
            "",
            0,
            "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment.",
        ),
        cell::AGE,
        workload::CONTAINERS,
        workload::IMAGES,
        Column::of(
            "Selector",
            "string",
            "",
            1,
            "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this \
            deployment. It must match the pod template's labels.",
        ),
    ];

    fn after_decode(&mut self, json: &[u8]) {
        workload::mark_given_selector(&mut self.spec.get_or_insert_default().selector, json);
    }

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        default_selected_template(&mut spec.template);
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit.get_or_insert(10);
        spec.progress_deadline_seconds.get_or_insert(600);
        drop_empty(&mut spec.min_ready_seconds);
        drop_empty(&mut spec.paused);
        default_strategy(spec);
        drop_empty_counts(self.status.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(DeploymentStatus::default());
        self.metadata.generation = Some(1);
    }

    // A replica set takes over its deployment's annotations: a change of them is news to the controller as well.
    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            self.metadata.labels.clone_from(&old.metadata.labels);
            return;
        }
        self.status.clone_from(&old.status);
        if self.spec != old.spec || self.metadata.annotations != old.metadata.annotations {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn scope(part: Part) -> Scope {
        match part {
            Part::Main => Scope::AllBut(&["status"]),
            Part::Status => Scope::AllBut(&["spec", "metadata.labels"]),
            Part::Other(_) => Scope::AllBut(&[]),
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        self.spec
            .iter()
            .flat_map(|spec| validate::spec(spec, &Path::new("spec")))
            .collect()
    }

    fn validate_update(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return validate::status(self, old);
        }
        let (Some(spec), Some(before)) = (&self.spec, &old.spec) else {
            return ErrorList::new();
        };
        let path = Path::new("spec").child("selector");
        workload::validate_same_selector(&spec.selector, &before.selector, &path)
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let old = old.map(|old| (&old.metadata, template(old)));
        workload::warnings(&self.metadata, template(self), old)
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let status = self.status.clone().unwrap_or_default();
        let ready = status.ready_replicas.unwrap_or_default();
        let [names, images] = workload::container_cells(template(self));
        let selector = self.spec.as_ref().map(|spec| &spec.selector);
        vec![
            cell::name(&self.metadata),
            format!("{ready}/{}", desired(self)).into(),
            status.updated_replicas.unwrap_or_default().into(),
            status.available_replicas.unwrap_or_default().into(),
            cell::age(&self.metadata, now),
            names,
            images,
            selector_cell(selector),
        ]
    }

    fn scale(&self) -> Option<Scale> {
        let actual = self
            .status
            .as_ref()
            .and_then(|status| status.replicas)
            .unwrap_or_default();
        Some(scale_of(
            &self.metadata,
            desired(self),
            actual,
            format_selector(&self.spec.as_ref()?.selector),
        ))
    }

    fn set_replicas(&mut self, replicas: i32) {
        self.spec.get_or_insert_default().replicas = Some(replicas);
    }
}

fn template(deployment: &Deployment) -> Option<&PodTemplateSpec> {
    Some(&deployment.spec.as_ref()?.template)
}

fn desired(deployment: &Deployment) -> i32 {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or_default()
}

fn default_strategy(spec: &mut DeploymentSpec) {
    let strategy = spec.strategy.get_or_insert_default();
    drop_empty(&mut strategy.type_);
    if strategy
        .type_
        .get_or_insert_with(|| "RollingUpdate".to_owned())
        != "RollingUpdate"
    {
        return;
    }
    let quarter = || IntOrString::String("25%".to_owned());
    let rolling = strategy.rolling_update.get_or_insert_default();
    rolling.max_unavailable.get_or_insert_with(quarter);
    rolling.max_surge.get_or_insert_with(quarter);
}

fn drop_empty_counts(status: &mut DeploymentStatus) {
    drop_empty(&mut status.observed_generation);
    drop_empty(&mut status.replicas);
    drop_empty(&mut status.updated_replicas);
    drop_empty(&mut status.ready_replicas);
    drop_empty(&mut status.available_replicas);
    drop_empty(&mut status.unavailable_replicas);
    drop_empty(&mut status.conditions);
}
