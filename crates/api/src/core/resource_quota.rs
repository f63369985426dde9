//! Resource quotas: how much the objects of a namespace may come to.

mod validate;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_machinery::field::ErrorList;
use serde_json::Value;

use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::pod::amount;
use crate::strategy::{Hooks, Part};

impl Hooks for ResourceQuota {
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Request",
            "string",
            "",
            0,
            "Request represents a minimum amount of cpu/memory that a container may consume.",
        ),
        Column::of(
            "Limit",
            "string",
            "",
            0,
            "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        drop_empty(&mut spec.hard);
        drop_empty(&mut spec.scopes);
        amount::round_list(&mut spec.hard);
        let status = self.status.get_or_insert_default();
        for list in [&mut status.hard, &mut status.used] {
            drop_empty(list);
            amount::round_list(list);
        }
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(ResourceQuotaStatus::default());
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
        } else {
            self.status.clone_from(&old.status);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        self.spec.iter().flat_map(validate::spec).collect()
    }

    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        if part == Part::Status {
            return self.status.iter().flat_map(validate::status).collect();
        }
        let mut errors = self.validate();
        errors.extend(validate::same_scopes(self.spec.as_ref(), old.spec.as_ref()));
        errors
    }

    fn warnings(&self, old: Option<&Self>) -> Vec<String> {
        let hard = self.spec.as_ref().and_then(|spec| spec.hard.as_ref());
        match (hard, old) {
            (Some(hard), None) => validate::warnings(hard),
            _ => Vec::new(),
        }
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let status = self.status.clone().unwrap_or_default();
        let (hard, used) = (
            status.hard.unwrap_or_default(),
            status.used.unwrap_or_default(),
        );
        vec![
            cell::name(&self.metadata),
            usage(&hard, &used, false).into(),
            usage(&hard, &used, true).into(),
            cell::age(&self.metadata, now),
        ]
    }
}

type Amounts = BTreeMap<String, Quantity>;

/// `cpu: 1/2, pods: 3/10`, of limits or of all else.
fn usage(hard: &Amounts, used: &Amounts, limits: bool) -> String {
    let shown: Vec<String> = hard
        .iter()
        .filter(|(name, _)| name.starts_with("limits.") == limits)
        .map(|(name, most)| {
            let now = used.get(name).map_or("0".to_owned(), amount::shown);
            format!("{name}: {now}/{}", amount::shown(most))
        })
        .collect();
    shown.join(", ")
}
