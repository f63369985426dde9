//! Roles.

use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::Role;
use navarch_machinery::field::ErrorList;
use serde_json::Value;

use super::rule::{default_rules, validate_rules};
use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

impl Hooks for Role {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = cell::NAME_AND_CREATED_AT;
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: true,
        unconditional: true,
    };

    fn settle(&mut self) {
        drop_empty(&mut self.rules);
    }

    fn apply_defaults(&mut self) {
        default_rules(&mut self.rules);
    }

    fn name_errors(name: &str, _prefix: bool) -> Vec<String> {
        naming::path_segment(name, false)
    }

    fn validate_create(&self) -> ErrorList {
        validate_rules(self.rules.as_deref(), true)
    }

    fn validate_update(&self, _part: Part, _old: &Self) -> ErrorList {
        self.validate_create()
    }

    fn cells(&self, _now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::created_at(&self.metadata)]
    }
}
