//! Conditions in statuses.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_qualified_name, regex_error};

use crate::check::found;
use crate::empty::drop_empty;

const STATUSES: &[&str] = &["False", "True", "Unknown"];
/// The longest reason and the longest message, in bytes.
const MAX_REASON: usize = 1024;
const MAX_MESSAGE: usize = 32 * 1024;
const REASON: &str = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?";
const REASON_WORDS: &str = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric \
    characters or '_,:', and must end with an alphanumeric character or '_'";

/// Leaves out what is empty.
pub fn default_conditions(conditions: &mut Option<Vec<Condition>>) {
    drop_empty(conditions);
    for condition in conditions.iter_mut().flatten() {
        drop_empty(&mut condition.observed_generation);
    }
}

/// Checks conditions, each of which has a type of its own.
pub fn validate_conditions(conditions: &[Condition], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (at, condition) in conditions.iter().enumerate() {
        let path = path.index(at);
        let before = &conditions[..at];
        if before.iter().any(|other| other.type_ == condition.type_) {
            errors.push(Error::duplicate(&path.child("type"), &condition.type_));
        }
        errors.extend(validate_condition(condition, &path));
    }
    errors
}

fn validate_condition(condition: &Condition, path: &Path) -> ErrorList {
    let kind = &condition.type_;
    let mut errors = found(kind, is_qualified_name(kind), &path.child("type"));
    if !STATUSES.contains(&condition.status.as_str()) {
        let path = path.child("status");
        errors.push(Error::not_supported(&path, &condition.status, STATUSES));
    }
    if let Some(generation) = condition.observed_generation.filter(|it| *it < 0) {
        errors.push(Error::invalid(
            &path.child("observedGeneration"),
            generation,
            "must be greater than or equal to zero",
        ));
    }
    if navarch_machinery::time::is_zero(&condition.last_transition_time) {
        errors.push(Error::required(&path.child("lastTransitionTime"), ""));
    }
    let reason_path = path.child("reason");
    let reason = condition.reason.as_str();
    if reason.is_empty() {
        errors.push(Error::required(&reason_path, ""));
    } else if !is_reason(reason) {
        let examples = [
            "my_name",
            "MY_NAME",
            "MyName",
            "ReasonA,ReasonB",
            "ReasonA:ReasonB",
        ];
        let detail = regex_error(REASON_WORDS, REASON, &examples);
        errors.push(Error::invalid(&reason_path, reason, detail));
    }
    if reason.len() > MAX_REASON {
        errors.push(Error::too_long(&reason_path, MAX_REASON));
    }
    if condition.message.len() > MAX_MESSAGE {
        errors.push(Error::too_long(&path.child("message"), MAX_MESSAGE));
    }
    errors
}

fn is_reason(reason: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = reason.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(|last| word(*last))
        && bytes
            .iter()
            .all(|&byte| word(byte) || matches!(byte, b',' | b':'))
}
