//! Label keys that a pod's own values are put into selectors for.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::absent::items;
use super::super::check;

/// Keys whose values are taken from the pod itself, and put into the selector: those that must match and those that must not.
pub(super) fn check(
    errors: &mut ErrorList,
    path: &Path,
    matching: &[String],
    other: &[String],
    selector: Option<&LabelSelector>,
) {
    check_keys(errors, &path.child("matchLabelKeys"), matching, selector);
    check_keys(errors, &path.child("mismatchLabelKeys"), other, selector);
    if let Some(selector) = selector {
        check_not_twice(errors, path, matching, selector);
    }
    for (index, key) in matching
        .iter()
        .enumerate()
        .filter(|(_, key)| other.contains(key))
    {
        let path = path.child("matchLabelKeys").index(index);
        errors.push(Error::invalid(
            &path,
            key,
            "exists in both matchLabelKeys and mismatchLabelKeys",
        ));
    }
}

fn check_keys(
    errors: &mut ErrorList,
    path: &Path,
    keys: &[String],
    selector: Option<&LabelSelector>,
) {
    if !keys.is_empty() && selector.is_none() {
        errors.push(Error::forbidden(
            path,
            "must not be specified when labelSelector is not set",
        ));
        return;
    }
    for (index, key) in keys.iter().enumerate() {
        check::qualified_name(errors, &path.index(index), key);
    }
}

/// The selector has what was made of a key already, so that the key may be there once, and no more.
fn check_not_twice(
    errors: &mut ErrorList,
    path: &Path,
    matching: &[String],
    selector: &LabelSelector,
) {
    let mut seen: Vec<&str> = selector
        .match_labels
        .iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    for expression in items(&selector.match_expressions) {
        let key = expression.key.as_str();
        if let Some(index) = matching
            .iter()
            .rposition(|matching| matching == key)
            .filter(|_| seen.contains(&key))
        {
            errors.push(Error::invalid(
                &path.index(index),
                key,
                "exists in both matchLabelKeys and labelSelector",
            ));
        }
        seen.push(key);
    }
}

/// Puts the pod's own values of `keys` into the selector.
pub(super) fn merge(
    selector: &mut LabelSelector,
    keys: &[String],
    operator: &str,
    labels: Option<&BTreeMap<String, String>>,
) {
    for key in keys {
        if let Some(value) = labels.and_then(|labels| labels.get(key)) {
            selector
                .match_expressions
                .get_or_insert_default()
                .push(LabelSelectorRequirement {
                    key: key.clone(),
                    operator: operator.to_owned(),
                    values: Some(vec![value.clone()]),
                });
        }
    }
}
