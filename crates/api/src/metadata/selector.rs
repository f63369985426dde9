//! Label selectors in objects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::labels::Selector;
use navarch_machinery::names::{is_label_value, is_qualified_name};
use serde_json::Value;

use super::validate_labels;
use crate::check::found;

/// Checks a selector. Where nothing is found it can be evaluated.
pub fn validate_label_selector(selector: &LabelSelector, path: &Path) -> ErrorList {
    let mut errors = validate_labels(selector.match_labels.as_ref(), &path.child("matchLabels"));
    for (at, requirement) in selector.match_expressions.iter().flatten().enumerate() {
        errors.extend(validate_requirement(
            requirement,
            &path.child("matchExpressions").index(at),
        ));
    }
    errors
}

fn validate_requirement(requirement: &LabelSelectorRequirement, path: &Path) -> ErrorList {
    let values = requirement.values.as_deref().unwrap_or_default();
    let mut errors = ErrorList::new();
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            errors.push(Error::required(
                &path.child("values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            ));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(Error::forbidden(&path.child("values"), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.push(Error::invalid(
            &path.child("operator"),
            other,
            "not a valid selector operator",
        )),
    }
    errors.extend(found(
        &requirement.key,
        is_qualified_name(&requirement.key),
        &path.child("key"),
    ));
    for (at, value) in values.iter().enumerate() {
        errors.extend(found(
            value,
            is_label_value(value),
            &path.child("values").index(at),
        ));
    }
    errors
}

/// Labels as a selector that asks for all of them: `a=b,c=d`. `<none>` where there are none.
pub fn format_labels(labels: Option<&BTreeMap<String, String>>) -> String {
    match labels {
        Some(labels) if !labels.is_empty() => join(labels),
        _ => "<none>".to_owned(),
    }
}

fn join(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",")
}

/// A selector as tables show it.
pub fn selector_cell(selector: Option<&LabelSelector>) -> Value {
    match Selector::from_label_selector(selector).map(|selector| selector.to_string()) {
        Ok(text) if text.is_empty() => "<none>".into(),
        Ok(text) => text.into(),
        Err(_) => "<error>".into(),
    }
}

/// A selector as text that parses back to it: `a=b,c in (d,e),!f`.
pub fn format_selector(selector: &LabelSelector) -> String {
    match Selector::from_label_selector(Some(selector)) {
        Ok(selector) => selector.to_string(),
        Err(_) => "<invalid>".to_owned(),
    }
}
