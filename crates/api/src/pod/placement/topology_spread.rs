//! How evenly pods are spread over zones, nodes and the like.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::absent::items;
use super::super::check;
use super::label_keys;
use crate::metadata::validate_label_selector;

/// Constraints, of which no two are about the same.
pub(in super::super) fn check(
    errors: &mut ErrorList,
    list: &Path,
    constraints: &[TopologySpreadConstraint],
) {
    for (index, constraint) in constraints.iter().enumerate() {
        let path = list.index(index);
        check_one(errors, &path, constraint);
        let same = |other: &TopologySpreadConstraint| {
            other.topology_key == constraint.topology_key
                && other.when_unsatisfiable == constraint.when_unsatisfiable
        };
        if constraints[index + 1..].iter().any(same) {
            let pair = format!(
                "{{{}, {}}}",
                constraint.topology_key, constraint.when_unsatisfiable
            );
            errors.push(Error::duplicate(
                &path.child("{topologyKey, whenUnsatisfiable}"),
                &pair,
            ));
        }
        check_rest(errors, &path, constraint);
    }
}

fn check_one(errors: &mut ErrorList, path: &Path, constraint: &TopologySpreadConstraint) {
    check_positive(errors, &path.child("maxSkew"), constraint.max_skew);
    if constraint.topology_key.is_empty() {
        errors.push(Error::required(
            &path.child("topologyKey"),
            "can not be empty",
        ));
    }
    let action = constraint.when_unsatisfiable.as_str();
    check::supported_value(
        errors,
        &path.child("whenUnsatisfiable"),
        action,
        &["DoNotSchedule", "ScheduleAnyway"],
    );
}

fn check_rest(errors: &mut ErrorList, path: &Path, constraint: &TopologySpreadConstraint) {
    if let Some(domains) = constraint.min_domains {
        let path = path.child("minDomains");
        check_positive(errors, &path, domains);
        let action = constraint.when_unsatisfiable.as_str();
        if action != "DoNotSchedule" {
            let detail =
                format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
            errors.push(Error::invalid(&path, domains, detail));
        }
    }
    for (name, policy) in [
        ("nodeAffinityPolicy", &constraint.node_affinity_policy),
        ("nodeTaintsPolicy", &constraint.node_taints_policy),
    ] {
        if let Some(policy) = policy {
            check::supported_value(errors, &path.child(name), policy, &["Honor", "Ignore"]);
        }
    }
    let selector = constraint.label_selector.as_ref();
    label_keys::check(
        errors,
        path,
        items(&constraint.match_label_keys),
        &[],
        selector,
    );
    if let Some(selector) = selector {
        errors.extend(validate_label_selector(
            selector,
            &path.child("labelSelector"),
        ));
    }
}

fn check_positive(errors: &mut ErrorList, path: &Path, value: i32) {
    if value <= 0 {
        errors.push(Error::invalid(path, value, "must be greater than zero"));
    }
}

/// Puts the values that the pod has of `matchLabelKeys` into the selectors beside them.
pub(in super::super) fn merge_label_keys(
    constraints: &mut [TopologySpreadConstraint],
    labels: Option<&BTreeMap<String, String>>,
) {
    for constraint in constraints {
        if let Some(selector) = &mut constraint.label_selector {
            label_keys::merge(selector, items(&constraint.match_label_keys), "In", labels);
        }
    }
}
