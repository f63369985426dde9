//! Cluster roles.

use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{AggregationRule, ClusterRole};
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::rule::{default_rules, validate_rules};
use crate::cell;
use crate::def::Column;
use crate::empty::{drop_empty, drop_empty_selector};
use crate::metadata::validate_label_selector;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};

impl Hooks for ClusterRole {
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
        if let Some(aggregation) = &mut self.aggregation_rule {
            let selectors = &mut aggregation.cluster_role_selectors;
            drop_empty(selectors);
            selectors.iter_mut().flatten().for_each(drop_empty_selector);
        }
    }

    fn name_errors(name: &str, _prefix: bool) -> Vec<String> {
        naming::path_segment(name, false)
    }

    fn validate_create(&self) -> ErrorList {
        let mut errors = validate_rules(self.rules.as_deref(), false);
        if let Some(aggregation) = &self.aggregation_rule {
            errors.extend(validate_aggregation(aggregation));
        }
        errors
    }

    fn validate_update(&self, _part: Part, _old: &Self) -> ErrorList {
        self.validate_create()
    }

    fn cells(&self, _now: Timestamp) -> Vec<Value> {
        vec![cell::name(&self.metadata), cell::created_at(&self.metadata)]
    }
}

fn validate_aggregation(aggregation: &AggregationRule) -> ErrorList {
    let path = Path::new("aggregationRule").child("clusterRoleSelectors");
    let Some(selectors) = &aggregation.cluster_role_selectors else {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        return vec![Error::required(&path, detail)];
    };
    let mut errors = ErrorList::new();
    for (at, selector) in selectors.iter().enumerate() {
        let found = validate_label_selector(selector, &path.index(at));
        let can_select = found.is_empty();
        errors.extend(found);
        if !can_select {
            // What cannot be read selects nothing, and is shown as nothing.
            let shown = Value::Null;
            let detail = "invalid label selector.";
            errors.push(Error::invalid(&path.index(at), shown, detail));
        }
    }
    errors
}
