//! Claims: what somebody wants of storage.

mod change;
mod data_source;
mod table;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimStatus,
};
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use super::persistent_volume::CLASS;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::pod::absent::items_mut;
use crate::pod::{amount, check_claim_spec, fractional_warning};
use crate::strategy::{Hooks, MetadataRules, Part};

const PENDING: &str = "Pending";

impl Hooks for PersistentVolumeClaim {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = table::COLUMNS;

    fn apply_defaults(&mut self) {
        default_spec(self.spec.get_or_insert_default());
        default_status(self.status.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(PersistentVolumeClaimStatus {
            phase: Some(PENDING.to_owned()),
            ..Default::default()
        });
        let spec = self.spec.get_or_insert_default();
        data_source::drop_disabled(spec, None);
        data_source::normalize(spec);
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        let spec = self.spec.get_or_insert_default();
        data_source::drop_disabled(spec, old.spec.as_ref());
        data_source::normalize(spec);
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        if let Some(spec) = &self.spec {
            check_claim_spec(&mut errors, &Path::new("spec"), spec);
        }
        errors
    }

    fn validate_update(&self, part: Part, old: &Self) -> ErrorList {
        match part {
            Part::Status => change::status_errors(self),
            _ => change::errors(self, old),
        }
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        let mut warnings = Vec::new();
        let annotations = self.metadata.annotations.as_ref();
        if annotations.is_some_and(|all| all.contains_key(CLASS)) {
            let path = Path::new("metadata").child("annotations").key(CLASS);
            warnings.push(format!(
                "{path}: deprecated since v1.8; use \"storageClassName\" attribute instead"
            ));
        }
        let resources = self.spec.as_ref().and_then(|spec| spec.resources.as_ref());
        let path = Path::new("spec").child("resources");
        let lists = resources.map(|of| [("requests", &of.requests), ("limits", &of.limits)]);
        for (name, list) in lists.into_iter().flatten() {
            if let Some(amount) = list.as_ref().and_then(|list| list.get("storage")) {
                fractional_warning(&mut warnings, &path.child(name).key("storage"), amount);
            }
        }
        warnings
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        table::cells(self, now)
    }
}

fn default_spec(spec: &mut PersistentVolumeClaimSpec) {
    spec.volume_mode
        .get_or_insert_with(|| "Filesystem".to_owned());
    drop_empty(&mut spec.access_modes);
    drop_empty(&mut spec.volume_name);
    if let Some(selector) = &mut spec.selector {
        drop_empty(&mut selector.match_labels);
        drop_empty(&mut selector.match_expressions);
        for requirement in items_mut(&mut selector.match_expressions) {
            drop_empty(&mut requirement.values);
        }
    }
    let resources = spec.resources.get_or_insert_default();
    drop_empty(&mut resources.limits);
    drop_empty(&mut resources.requests);
    amount::round_list(&mut resources.limits);
    amount::round_list(&mut resources.requests);
}

fn default_status(status: &mut PersistentVolumeClaimStatus) {
    drop_empty(&mut status.phase);
    status.phase.get_or_insert_with(|| PENDING.to_owned());
    drop_empty(&mut status.access_modes);
    drop_empty(&mut status.allocated_resource_statuses);
    drop_empty(&mut status.allocated_resources);
    drop_empty(&mut status.capacity);
    drop_empty(&mut status.conditions);
    for condition in items_mut(&mut status.conditions) {
        drop_empty(&mut condition.message);
        drop_empty(&mut condition.reason);
    }
    if let Some(modify) = &mut status.modify_volume_status {
        drop_empty(&mut modify.target_volume_attributes_class_name);
    }
    amount::round_list(&mut status.capacity);
    amount::round_list(&mut status.allocated_resources);
}
