//! What directives do to maps, and how values are shown in errors.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{DELETE_FROM_PRIMITIVE_LIST, DIRECTIVE, RETAIN_KEYS, SET_ELEMENT_ORDER};
use crate::patch::PatchError;

/// `$patch: replace` or `$patch: delete` in a map, of which the rest is given.
pub(super) fn replace_or_delete(
    directive: &Value,
    rest: Map<String, Value>,
) -> Result<Map<String, Value>, PatchError> {
    match directive.as_str() {
        Some("replace") => Ok(rest),
        Some("delete") => Ok(Map::new()),
        _ => Err(unknown_directive(directive, rest)),
    }
}

pub(super) fn unknown_directive(directive: &Value, mut rest: Map<String, Value>) -> PatchError {
    rest.insert(DIRECTIVE.to_owned(), directive.clone());
    PatchError::Internal(format!(
        "unknown patch type: {} in map: {}",
        shown(directive),
        shown(&Value::Object(rest))
    ))
}

pub(super) fn no_merge_key(map: &Value, key: &str) -> PatchError {
    PatchError::Internal(format!(
        "map: {} does not contain declared merge key: {key}",
        shown(map)
    ))
}

/// `$retainKeys`: fields that it does not list go, and the patch must not set any such.
pub(super) fn apply_retain_keys(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
) -> Result<(), PatchError> {
    let Some(listed) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let wrong = || PatchError::BadRequest("invalid patch format of retainKeys".into());
    let listed: HashSet<&str> = listed
        .as_array()
        .ok_or_else(wrong)?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let directive = |key: &str| {
        key.starts_with(DELETE_FROM_PRIMITIVE_LIST) || key.starts_with(SET_ELEMENT_ORDER)
    };
    if patch
        .iter()
        .any(|(key, value)| !value.is_null() && !directive(key) && !listed.contains(key.as_str()))
    {
        return Err(wrong());
    }
    original.retain(|key, _| listed.contains(key.as_str()));
    Ok(())
}

/// The value without maps that have a directive; nothing if it is one.
pub(super) fn remove_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(DIRECTIVE) => None,
        Value::Object(fields) => {
            let kept = fields
                .into_iter()
                .filter_map(|(key, value)| Some((key, remove_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(Value::Array(
            items.into_iter().filter_map(remove_directives).collect(),
        )),
        other => Some(other),
    }
}

/// What a patch removes that was not there.
pub(super) fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// A value as Go prints it: `map[a:1 b:[x y]]`.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(shown).collect::<Vec<_>>().join(" ")
        ),
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{key}:{}", shown(value)))
                .collect();
            fields.sort();
            format!("map[{}]", fields.join(" "))
        }
        other => other.to_string(),
    }
}
