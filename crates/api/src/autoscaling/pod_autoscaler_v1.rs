//! Horizontal pod autoscalers of version 1: another way to see those of version 2.

mod annotated;
mod behavior;
mod convert;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v1::HorizontalPodAutoscaler;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler as Stored;
use navarch_machinery::field::ErrorList;
use navarch_machinery::object::Object;
use serde_json::Value;

use super::pod_autoscaler::COLUMNS;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::strategy::{Hooks, Part};

/// What is done to one is done to it as it is stored.
fn as_stored(autoscaler: &mut HorizontalPodAutoscaler, change: impl FnOnce(&mut Stored)) {
    let mut stored = convert::to_stored(autoscaler);
    change(&mut stored);
    *autoscaler = convert::from_stored(&stored);
}

impl Hooks for HorizontalPodAutoscaler {
    const COLUMNS: &'static [Column] = COLUMNS;

    fn apply_defaults(&mut self) {
        drop_empty(&mut self.spec.scale_target_ref.api_version);
        self.spec.min_replicas.get_or_insert(1);
        self.status.get_or_insert_default();
    }

    fn prepare_for_create(&mut self) {
        as_stored(self, Hooks::prepare_for_create);
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        let old = convert::to_stored(old);
        as_stored(self, |stored| stored.prepare_for_update(part, &old));
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        Stored::name_errors(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        convert::to_stored(self).validate()
    }

    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        convert::to_stored(self).validate_change(part, &convert::to_stored(old))
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        convert::to_stored(self).cells(now)
    }

    fn from_storage_kind(stored: &dyn Object) -> Option<Self> {
        stored.as_any().downcast_ref().map(convert::from_stored)
    }

    fn to_storage_kind(&self) -> Option<Box<dyn Object>> {
        let mut stored = convert::to_stored(self);
        Hooks::apply_defaults(&mut stored);
        Some(Box::new(stored))
    }
}
