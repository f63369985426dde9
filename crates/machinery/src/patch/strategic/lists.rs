//! Merging lists, by key or as sets.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::directives::{no_merge_key, shown, unknown_directive};
use super::{At, DIRECTIVE, merge_map, order};
use crate::patch::PatchError;

/// What tells a member from others: the value of its merge key, or itself in a set.
pub(super) fn identity(member: &Value, merge_key: &str) -> Option<String> {
    if merge_key.is_empty() {
        Some(member.to_string())
    } else {
        member.get(merge_key).map(Value::to_string)
    }
}

pub(super) fn identities<'a>(
    members: impl IntoIterator<Item = &'a Value>,
    merge_key: &str,
) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    for (at, member) in members.into_iter().enumerate() {
        if let Some(identity) = identity(member, merge_key) {
            found.entry(identity).or_insert(at);
        }
    }
    found
}

/// Members are all maps, or all scalars.
fn are_maps(old: &[Value], new: &[Value]) -> Result<bool, PatchError> {
    let mut maps = None;
    for member in old.iter().chain(new) {
        if member.is_array() {
            return Err(PatchError::Unprocessable);
        }
        if maps.is_some_and(|maps| maps != member.is_object()) {
            let lists = format!(
                "[{} {}]",
                shown(&Value::from(old)),
                shown(&Value::from(new))
            );
            return Err(PatchError::Internal(format!(
                "list element types are not identical: {lists}"
            )));
        }
        maps = Some(member.is_object());
    }
    Ok(maps.unwrap_or(false))
}

/// `$deleteFromPrimitiveList`.
pub(super) fn delete(old: Vec<Value>, new: &[Value]) -> Result<Vec<Value>, PatchError> {
    are_maps(&old, new)?;
    let gone = identities(new, "");
    Ok(old
        .into_iter()
        .filter(|member| !gone.contains_key(&member.to_string()))
        .collect())
}

/// The members of both, in an order that keeps the patch's and, where it says nothing, the object's.
pub(super) fn merge(
    old: Vec<Value>,
    new: Vec<Value>,
    merge_key: &str,
    at: At<'_>,
) -> Result<Vec<Value>, PatchError> {
    if old.is_empty() && new.is_empty() {
        return Ok(old);
    }
    if !are_maps(&old, &new)? {
        return Ok(merge_set(&old, &new));
    }
    if merge_key.is_empty() {
        return Err(PatchError::Internal(format!(
            "cannot merge lists without merge key for {}",
            at.name()
        )));
    }
    let (old, new) = apply_directives(old, new, merge_key)?;
    let server_order = identities(&old, merge_key);
    let patch_order = identities(&new, merge_key);
    let merged = merge_members(old, new, merge_key, at)?;
    order::arrange(merged, &patch_order, &server_order, merge_key)
}

fn merge_set(old: &[Value], new: &[Value]) -> Vec<Value> {
    let (server_order, patch_order) = (identities(old, ""), identities(new, ""));
    let mut seen = HashSet::new();
    let merged = old
        .iter()
        .chain(new)
        .filter(|member| seen.insert(member.to_string()))
        .cloned()
        .collect();
    // A scalar is its own identity, so nothing can be missing.
    order::arrange(merged, &patch_order, &server_order, "").unwrap_or_default()
}

/// Takes the members with `$patch` out of the patch and does what they say.
fn apply_directives(
    old: Vec<Value>,
    new: Vec<Value>,
    merge_key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut plain = Vec::with_capacity(new.len());
    let mut gone = HashSet::new();
    let mut replaces = false;
    for mut member in new {
        let Some(directive) = member
            .as_object_mut()
            .and_then(|fields| fields.remove(DIRECTIVE))
        else {
            plain.push(member);
            continue;
        };
        match directive.as_str() {
            Some("delete") => gone.insert(identity(&member, merge_key).ok_or_else(|| {
                let mut shown = member.clone();
                shown[DIRECTIVE] = directive.clone();
                no_merge_key(&shown, merge_key)
            })?),
            Some("replace") => std::mem::replace(&mut replaces, true),
            Some("merge") => {
                return Err(PatchError::Internal(
                    "merging lists cannot yet be specified in the patch".into(),
                ));
            }
            _ => {
                return Err(unknown_directive(
                    &directive,
                    member.as_object().cloned().unwrap_or_default(),
                ));
            }
        };
    }
    if replaces {
        return Ok((plain, Vec::new()));
    }
    let keep = |member: &Value| {
        identity(member, merge_key).is_none_or(|identity| !gone.contains(&identity))
    };
    Ok((old.into_iter().filter(keep).collect(), plain))
}

fn merge_members(
    mut old: Vec<Value>,
    new: Vec<Value>,
    merge_key: &str,
    at: At<'_>,
) -> Result<Vec<Value>, PatchError> {
    let mut places = identities(&old, merge_key);
    for member in new {
        let identity =
            identity(&member, merge_key).ok_or_else(|| no_merge_key(&member, merge_key))?;
        match places.get(&identity).and_then(|place| old.get_mut(*place)) {
            Some(place) => {
                let merged = merge_map(object(place.take()), object(member), at)?;
                *place = Value::Object(merged);
            }
            None => {
                places.insert(identity, old.len());
                old.push(member);
            }
        }
    }
    Ok(old)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
