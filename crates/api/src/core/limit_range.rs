//! Limit ranges: what a pod, a container or a claim of a namespace may ask for, and what it gets where it says nothing.

mod enforce;
mod fill;
#[cfg(test)]
mod tests;
mod validate;

pub use enforce::{against_claim, against_pod};
pub use fill::fill_in;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_machinery::field::ErrorList;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::pod::amount;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

impl Hooks for LimitRange {
    const METADATA: MetadataRules = MetadataRules {
        change: false,
        ..MetadataRules::WHOLE
    };
    const COLUMNS: &'static [Column] = cell::NAME_AND_CREATED_AT;
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: true,
        unconditional: true,
    };

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        spec.limits.iter_mut().for_each(default_limits);
    }

    fn prepare_for_create(&mut self) {
        // Who gives no name gets one that nobody else has.
        let name = self.metadata.name.get_or_insert_default();
        if name.is_empty() {
            *name = self.metadata.uid.clone().unwrap_or_default();
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        self.spec.iter().flat_map(validate::spec).collect()
    }

    fn validate_change(&self, _part: Part, _old: &Self) -> ErrorList {
        self.validate()
    }

    fn cells(&self, _now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::created_at(&self.metadata)]
    }
}

type Amounts = Option<BTreeMap<String, Quantity>>;

/// What a container may have at most is what it gets, and what it gets is what it asks for; else it asks for the least.
fn default_limits(limit: &mut LimitRangeItem) {
    if limit.type_ == "Container" {
        fill(&mut limit.default, &limit.max);
        fill(&mut limit.default_request, &limit.default);
        fill(&mut limit.default_request, &limit.min);
    }
    for list in [
        &mut limit.max,
        &mut limit.min,
        &mut limit.default,
        &mut limit.default_request,
        &mut limit.max_limit_request_ratio,
    ] {
        drop_empty(list);
        amount::round_list(list);
    }
}

fn fill(list: &mut Amounts, from: &Amounts) {
    for (name, value) in from.iter().flatten() {
        list.get_or_insert_default()
            .entry(name.clone())
            .or_insert_with(|| value.clone());
    }
}
