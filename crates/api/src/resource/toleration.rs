//! Taints of devices, who tolerates them, and the conditions under which a device is bound.

use k8s_openapi::api::resource::v1::{DeviceTaint, DeviceToleration};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_label_value, is_qualified_name};

use super::check;
use crate::pod::absent::text;
use crate::pod::check::{each, qualified_name, supported_value};
use crate::shown::json;

const EFFECTS: &[&str] = &["NoExecute", "NoSchedule", "None"];
const OPERATORS: &[&str] = &["Equal", "Exists"];
/// The most conditions for binding, and as many for its failure.
const MAX_CONDITIONS: usize = 4;

pub(super) fn check_taint(errors: &mut ErrorList, path: &Path, taint: &DeviceTaint) {
    qualified_name(errors, &path.child("key"), &taint.key);
    let value = text(&taint.value);
    each(errors, &path.child("value"), value, is_label_value(value));
    match taint.effect.as_str() {
        "" => errors.push(Error::required(&path.child("effect"), "")),
        effect => supported_value(errors, &path.child("effect"), effect, EFFECTS),
    }
}

pub(super) fn check_toleration(errors: &mut ErrorList, path: &Path, toleration: &DeviceToleration) {
    let key = text(&toleration.key);
    if !key.is_empty() {
        each(errors, &path.child("key"), key, is_qualified_name(key));
    }
    let (value, value_path) = (text(&toleration.value), path.child("value"));
    match text(&toleration.operator) {
        "Exists" if !value.is_empty() => {
            let detail = "must be empty for operator `Exists`";
            errors.push(Error::invalid(&value_path, value, detail));
        }
        "Exists" => {}
        "Equal" => each(errors, &value_path, value, is_label_value(value)),
        "" => errors.push(Error::required(&path.child("operator"), "")),
        other => supported_value(errors, &path.child("operator"), other, OPERATORS),
    }
    let effect = text(&toleration.effect);
    if !effect.is_empty() {
        supported_value(errors, &path.child("effect"), effect, EFFECTS);
    }
}

/// Conditions that say that a device is bound, or that it will not be: both kinds or none, and no condition in both.
pub(super) fn check_binding(
    errors: &mut ErrorList,
    path: &Path,
    conditions: &[String],
    failures: &[String],
) {
    let (good, bad) = (
        path.child("bindingConditions"),
        path.child("bindingFailureConditions"),
    );
    let label = |errors: &mut _, path: &_, name: &String| qualified_name(errors, path, name);
    check::list(errors, &good, conditions, MAX_CONDITIONS, label);
    check::list(errors, &bad, failures, MAX_CONDITIONS, label);
    check::unique(errors, &good, conditions, String::clone);
    for (at, condition) in failures.iter().enumerate() {
        let path = bad.index(at);
        if failures[..at].contains(condition) {
            errors.push(Error::duplicate(&path, condition));
        }
        if conditions.contains(condition) {
            let detail = "bindingFailureConditions must not overlap with bindingConditions";
            errors.push(Error::invalid(&path, condition, detail));
        }
    }
    if conditions.is_empty() && !failures.is_empty() {
        let detail = "bindingConditions are required to use bindingFailureConditions";
        errors.push(Error::invalid(&good, json(&None::<()>), detail));
    }
    if failures.is_empty() && !conditions.is_empty() {
        let detail = "bindingFailureConditions are required to use bindingConditions";
        errors.push(Error::invalid(&bad, json(&None::<()>), detail));
    }
}
