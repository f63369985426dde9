//! Pod disruption budgets: how many of some pods may be missing at once.

use jiff::Timestamp;
use k8s_openapi::api::policy::v1::{
    PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::int_or_string::to_text;
use serde_json::Value;

use crate::cell;
use crate::check::one_of;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::{validate_conditions, validate_label_selector};
use crate::naming;
use crate::percent::{at_most_all, number_or_percent};
use crate::pod::same;
use crate::shown::{Raw, json};
use crate::strategy::{Hooks, MetadataRules, Part, UpdateRules};
use crate::workload::{shown_selector, validate_counts};

impl Hooks for PodDisruptionBudget {
    const METADATA: MetadataRules = MetadataRules::NONE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Min Available",
            "string",
            "",
            0,
            "The minimum number of pods that must be available.",
        ),
        Column::of(
            "Max Unavailable",
            "string",
            "",
            0,
            "The maximum number of pods that may be unavailable.",
        ),
        Column::of(
            "Allowed Disruptions",
            "integer",
            "",
            0,
            "Calculated number of pods that may be disrupted at this time.",
        ),
        cell::AGE,
    ];
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: false,
        unconditional: false,
    };

    fn apply_defaults(&mut self) {
        self.spec.get_or_insert_default();
        default_status(self.status.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        let mut status = PodDisruptionBudgetStatus::default();
        default_status(&mut status);
        self.status = Some(status);
        self.metadata.generation = Some(1);
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            return;
        }
        self.status.clone_from(&old.status);
        if !same(&self.spec, &old.spec) {
            self.metadata.generation = Some(old.metadata.generation.unwrap_or_default() + 1);
        }
    }

    // Kubernetes checks no more than that it can be part of a path.
    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::path_segment(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        self.spec.iter().flat_map(validate_spec).collect()
    }

    fn validate_change(&self, part: Part, _old: &Self) -> ErrorList {
        if part == Part::Status {
            self.status.iter().flat_map(validate_status).collect()
        } else {
            self.validate()
        }
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let spec = self.spec.clone().unwrap_or_default();
        let status = self.status.as_ref();
        let shown = |value: &Option<IntOrString>| {
            Value::from(value.as_ref().map_or("N/A".to_owned(), to_text))
        };
        let allowed = status.and_then(|status| status.disruptions_allowed);
        vec![
            cell::name(&self.metadata),
            shown(&spec.min_available),
            shown(&spec.max_unavailable),
            allowed.unwrap_or_default().into(),
            cell::age(&self.metadata, now),
        ]
    }
}

fn default_status(status: &mut PodDisruptionBudgetStatus) {
    status.current_healthy.get_or_insert(0);
    status.desired_healthy.get_or_insert(0);
    status.disruptions_allowed.get_or_insert(0);
    status.expected_pods.get_or_insert(0);
    drop_empty(&mut status.observed_generation);
    drop_empty(&mut status.disrupted_pods);
    drop_empty(&mut status.conditions);
}

fn validate_spec(spec: &PodDisruptionBudgetSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        errors.push(Error::invalid(&path, shown_spec(spec), detail));
    }
    for (name, value) in [
        ("minAvailable", &spec.min_available),
        ("maxUnavailable", &spec.max_unavailable),
    ] {
        if let Some(value) = value {
            errors.extend(number_or_percent(value, &path.child(name)));
            errors.extend(at_most_all(value, &path.child(name)));
        }
    }
    if let Some(selector) = &spec.selector {
        errors.extend(validate_label_selector(selector, &path.child("selector")));
    }
    if let Some(policy) = &spec.unhealthy_pod_eviction_policy {
        errors.extend(one_of(
            policy,
            &["AlwaysAllow", "IfHealthyBudget"],
            &path.child("unhealthyPodEvictionPolicy"),
        ));
    }
    errors
}

/// Under the names that Kubernetes has for it inside.
fn shown_spec(spec: &PodDisruptionBudgetSpec) -> Raw {
    let (least, most) = (json(&spec.min_available).0, json(&spec.max_unavailable).0);
    let selector = spec.selector.as_ref().map(shown_selector);
    let selector = selector.map_or("null".to_owned(), |shown| shown.0);
    let policy = json(&spec.unhealthy_pod_eviction_policy).0;
    Raw(format!(
        r#"{{"MinAvailable":{least},"Selector":{selector},"MaxUnavailable":{most},"UnhealthyPodEvictionPolicy":{policy}}}"#
    ))
}

fn validate_status(status: &PodDisruptionBudgetStatus) -> ErrorList {
    let path = Path::new("status");
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let mut errors = validate_conditions(conditions, &path.child("conditions"));
    let number = |count: Option<i32>| i64::from(count.unwrap_or_default());
    let counts = [
        ("disruptionsAllowed", number(status.disruptions_allowed)),
        ("currentHealthy", number(status.current_healthy)),
        ("desiredHealthy", number(status.desired_healthy)),
        ("expectedPods", number(status.expected_pods)),
    ];
    errors.extend(validate_counts(&counts, &path));
    errors
}
