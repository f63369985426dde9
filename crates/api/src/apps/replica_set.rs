//! Replica sets.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetSpec, ReplicaSetStatus};
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use crate::autoscaling::scale_of;
use crate::check::non_negative;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{format_selector, selector_cell};
use crate::naming;
use crate::pod::default_selected_template;
use crate::strategy::{Hooks, Part};
use crate::workload::replicated::{self, Counts};
use crate::workload::{self, validate_selected_template};

impl Hooks for ReplicaSet {
    const COLUMNS: &'static [Column] = replicated::COLUMNS;

    fn after_decode(&mut self, json: &[u8]) {
        workload::mark_given_selector(&mut self.spec.get_or_insert_default().selector, json);
    }

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        default_selected_template(spec.template.get_or_insert_default());
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
            return counts(self).validate();
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
        let selector = selector_cell(self.spec.as_ref().map(|spec| &spec.selector));
        replicated::cells(
            &self.metadata,
            desired(self),
            counts(self),
            template(self),
            selector,
            now,
        )
    }

    fn scale(&self) -> Option<Scale> {
        let selector = format_selector(&self.spec.as_ref()?.selector);
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

fn template(set: &ReplicaSet) -> Option<&PodTemplateSpec> {
    set.spec.as_ref()?.template.as_ref()
}

fn desired(set: &ReplicaSet) -> i32 {
    set.spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or_default()
}

fn counts(set: &ReplicaSet) -> Counts {
    set.status.as_ref().map(Counts::from).unwrap_or_default()
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
        workload::REPLICA_SET,
        path,
    ));
    errors
}
