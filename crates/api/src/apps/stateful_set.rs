//! Stateful sets.

mod validate;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetStatus};
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PodTemplateSpec};
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use crate::autoscaling::scale_of;
use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{drop_empty_fields, format_selector};
use crate::pod::amount;
use crate::pod::{
    default_claim_spec, default_selected_template, drop_disabled_template_fields, same,
    template_warnings,
};
use crate::strategy::{Hooks, Part};
use crate::{naming, workload};

impl Hooks for StatefulSet {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Ready",
            "string",
            "",
            0,
            "Number of the pod with ready state",
        ),
        cell::AGE,
        workload::CONTAINERS,
        workload::IMAGES,
    ];

    fn after_decode(&mut self, json: &[u8]) {
        workload::mark_given_selector(&mut self.spec.get_or_insert_default().selector, json);
    }

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        default_selected_template(&mut spec.template);
        spec.volume_claim_templates
            .iter_mut()
            .flatten()
            .for_each(default_claim);
        default_text(&mut spec.pod_management_policy, "OrderedReady");
        default_strategy(spec);
        let retention = spec
            .persistent_volume_claim_retention_policy
            .get_or_insert_default();
        default_text(&mut retention.when_deleted, "Retain");
        default_text(&mut retention.when_scaled, "Retain");
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit.get_or_insert(10);
        spec.service_name.get_or_insert_default();
        if let Some(ordinals) = &mut spec.ordinals {
            ordinals.start.get_or_insert(0);
        }
        drop_empty(&mut spec.min_ready_seconds);
        drop_empty(&mut spec.volume_claim_templates);
        default_status(self.status.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        let mut status = StatefulSetStatus::default();
        default_status(&mut status);
        self.status = Some(status);
        self.metadata.generation = Some(1);
        if let Some(spec) = &mut self.spec {
            drop_max_unavailable(spec, None);
            drop_disabled_template_fields(&mut spec.template, None);
        }
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        if let Some(spec) = &mut self.spec {
            drop_max_unavailable(spec, old.spec.as_ref());
            drop_disabled_template_fields(&mut spec.template, template(old));
        }
        if !same(&self.spec, &old.spec) {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::label(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let spec = self.spec.iter();
        spec.flat_map(|spec| validate::spec(spec, validate::Of::NEW))
            .collect()
    }

    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return validate::status(self, old);
        }
        match (&self.spec, &old.spec) {
            (Some(spec), Some(old)) => validate::change(spec, old),
            _ => self.validate(),
        }
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let path = Path::new("spec");
        let mut warnings = Vec::new();
        let unchanged = old.is_some_and(|old| old.metadata.generation == self.metadata.generation);
        if let Some(it) = template(self).filter(|_| !unchanged) {
            warnings.extend(template_warnings(
                it,
                old.and_then(template),
                &path.child("template"),
            ));
        }
        let Some(spec) = &self.spec else {
            return warnings;
        };
        for (at, claim) in spec.volume_claim_templates.iter().flatten().enumerate() {
            let path = path.child("volumeClaimTemplates").index(at);
            // On update Kubernetes names one step more.
            let path = if old.is_some() {
                path.child("Spec")
            } else {
                path
            };
            warnings.extend(claim_warnings(claim, &path));
        }
        if spec.revision_history_limit.is_some_and(|limit| limit < 0) {
            warnings.push(
                "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
                    .to_owned(),
            );
        }
        warnings
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let ready = self
            .status
            .as_ref()
            .and_then(|status| status.ready_replicas);
        let [names, images] = workload::container_cells(template(self));
        vec![
            cell::name(&self.metadata),
            format!("{}/{}", ready.unwrap_or_default(), desired(self)).into(),
            cell::age(&self.metadata, now),
            names,
            images,
        ]
    }

    fn scale(&self) -> Option<Scale> {
        let actual = self.status.as_ref().map_or(0, |status| status.replicas);
        let selector = format_selector(&self.spec.as_ref()?.selector);
        Some(scale_of(&self.metadata, desired(self), actual, selector))
    }

    fn set_replicas(&mut self, replicas: i32) {
        self.spec.get_or_insert_default().replicas = Some(replicas);
    }
}

fn template(set: &StatefulSet) -> Option<&PodTemplateSpec> {
    Some(&set.spec.as_ref()?.template)
}

fn desired(set: &StatefulSet) -> i32 {
    let spec = set.spec.as_ref();
    spec.and_then(|spec| spec.replicas).unwrap_or_default()
}

fn default_text(field: &mut Option<String>, default: &str) {
    drop_empty(field);
    field.get_or_insert_with(|| default.to_owned());
}

fn default_claim(claim: &mut PersistentVolumeClaim) {
    drop_empty_fields(&mut claim.metadata);
    default_claim_spec(claim.spec.get_or_insert_default());
    let status = claim.status.get_or_insert_default();
    default_text(&mut status.phase, "Pending");
}

/// Only where the type is left out, a rolling update is made up.
fn default_strategy(spec: &mut StatefulSetSpec) {
    let strategy = spec.update_strategy.get_or_insert_default();
    drop_empty(&mut strategy.type_);
    if strategy.type_.is_none() {
        strategy.type_ = Some("RollingUpdate".to_owned());
        strategy.rolling_update.get_or_insert_default();
    }
    if let Some(rolling) = &mut strategy.rolling_update {
        rolling.partition.get_or_insert(0);
    }
}

fn default_status(status: &mut StatefulSetStatus) {
    status.available_replicas.get_or_insert(0);
    drop_empty(&mut status.observed_generation);
    drop_empty(&mut status.ready_replicas);
    drop_empty(&mut status.current_replicas);
    drop_empty(&mut status.updated_replicas);
    drop_empty(&mut status.current_revision);
    drop_empty(&mut status.update_revision);
    drop_empty(&mut status.conditions);
}

/// The feature is off in this release: a set has no more of it than before.
fn drop_max_unavailable(spec: &mut StatefulSetSpec, old: Option<&StatefulSetSpec>) {
    let had = old
        .and_then(|old| old.update_strategy.as_ref()?.rolling_update.as_ref())
        .is_some_and(|rolling| rolling.max_unavailable.is_some());
    let strategy = spec.update_strategy.as_mut();
    if let Some(rolling) = strategy
        .and_then(|it| it.rolling_update.as_mut())
        .filter(|_| !had)
    {
        rolling.max_unavailable = None;
    }
}

/// Bytes come whole.
fn claim_warnings(claim: &PersistentVolumeClaim, path: &Path) -> Vec<String> {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let Some(resources) = resources else {
        return Vec::new();
    };
    let path = path.child("resources");
    [
        ("requests", &resources.requests),
        ("limits", &resources.limits),
    ]
    .into_iter()
    .filter_map(|(name, list)| Some((name, list.as_ref()?.get("storage")?)))
    .filter(|(_, value)| !amount::is_whole(value))
    .map(|(name, value)| {
        let path = path.child(name).key("storage");
        let shown = amount::shown(value);
        format!("{path}: fractional byte value {shown:?} is invalid, must be an integer")
    })
    .collect()
}
