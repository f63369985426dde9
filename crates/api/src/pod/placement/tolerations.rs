//! The taints of nodes that a pod puts up with.

use k8s_openapi::api::core::v1::Toleration;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_label_value;

use super::super::absent::text;
use super::super::check;

/// Checks tolerations one by one.
pub fn validate_tolerations(tolerations: &[Toleration], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    check(&mut errors, path, tolerations);
    errors
}

/// Tolerations one by one.
pub(in super::super) fn check(errors: &mut ErrorList, list: &Path, tolerations: &[Toleration]) {
    for (index, toleration) in tolerations.iter().enumerate() {
        check_one(errors, &list.index(index), toleration);
    }
}

fn check_one(errors: &mut ErrorList, path: &Path, toleration: &Toleration) {
    let (key, operator, effect) = (
        text(&toleration.key),
        text(&toleration.operator),
        text(&toleration.effect),
    );
    if !key.is_empty() {
        check::qualified_name(errors, &path.child("key"), key);
    }
    if key.is_empty() && operator != "Exists" {
        let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        errors.push(Error::invalid(&path.child("operator"), operator, detail));
    }
    if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(Error::invalid(&path.child("effect"), effect, detail));
    }
    check_operator(
        errors,
        &path.child("operator"),
        operator,
        text(&toleration.value),
    );
    if !effect.is_empty() {
        check::supported_value(
            errors,
            &path.child("effect"),
            effect,
            &["NoSchedule", "PreferNoSchedule", "NoExecute"],
        );
    }
}

/// What is wrong with the value is said of the operator. `Lt` and `Gt` are known, but not on by default.
fn check_operator(errors: &mut ErrorList, path: &Path, operator: &str, value: &str) {
    match operator {
        "" | "Equal" => {
            let findings = is_label_value(value);
            if !findings.is_empty() {
                errors.push(Error::invalid(path, value, findings.join(";")));
            }
        }
        "Exists" if value.is_empty() => {}
        "Exists" => errors.push(Error::invalid(
            path,
            value,
            "value must be empty when `operator` is 'Exists'",
        )),
        "Lt" | "Gt" => errors.push(Error::not_supported(
            path,
            operator,
            &["Equal", "Exists", "Lt", "Gt"],
        )),
        other => errors.push(Error::not_supported(path, other, &["Equal", "Exists"])),
    }
}
