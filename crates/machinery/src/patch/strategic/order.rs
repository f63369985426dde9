//! The order of merged lists, and `$setElementOrder`.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::directives::{no_merge_key, remove_directives, shown};
use super::lists::{self, identities, identity};
use super::{At, DIRECTIVE, SET_ELEMENT_ORDER};
use crate::patch::PatchError;

/// Puts members that the patch names into its order, others into the server's, and the two together: a server's member goes
/// before a patch's where the server had it before.
pub(super) fn arrange(
    merged: Vec<Value>,
    patch_order: &HashMap<String, usize>,
    server_order: &HashMap<String, usize>,
    merge_key: &str,
) -> Result<Vec<Value>, PatchError> {
    let mut named = Vec::new();
    let mut others = Vec::new();
    for member in merged {
        let identity =
            identity(&member, merge_key).ok_or_else(|| no_merge_key(&member, merge_key))?;
        let server = server_order.get(&identity).copied();
        match patch_order.get(&identity) {
            Some(place) => named.push((*place, server, member)),
            None => others.push((server, member)),
        }
    }
    named.sort_by_key(|(place, _, _)| *place);
    others.sort_by_key(|(server, _)| server.unwrap_or(usize::MAX));
    let mut arranged = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (_, server, member) in named {
        while let Some((_, other)) = others.next_if(
            |(other, _)| matches!((other, server), (Some(other), Some(server)) if *other < server),
        ) {
            arranged.push(other);
        }
        arranged.push(member);
    }
    arranged.extend(others.map(|(_, member)| member));
    Ok(arranged)
}

/// Does what each `$setElementOrder/FIELD` of a patch says, together with what the patch says of the field.
pub(super) fn apply_all(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    at: At<'_>,
) -> Result<(), PatchError> {
    let keys: Vec<String> = patch
        .keys()
        .filter(|key| key.starts_with(SET_ELEMENT_ORDER))
        .cloned()
        .collect();
    for key in keys {
        let Some(Value::Array(order)) = patch.remove(&key) else {
            return Err(wrong());
        };
        let field = key
            .strip_prefix(SET_ELEMENT_ORDER)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(wrong)?;
        apply_one(original, patch, field, &order, at)?;
    }
    Ok(())
}

fn wrong() -> PatchError {
    PatchError::BadRequest("invalid patch format of setElementOrder list".into())
}

fn apply_one(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    field: &str,
    order: &[Value],
    at: At<'_>,
) -> Result<(), PatchError> {
    let rule = at.field(field);
    let old = list(original.get(field))?;
    let new = list(patch.get(field))?;
    check(new.as_deref().unwrap_or_default(), order, rule.merge_key)?;
    let server_order = identities(old.as_deref().unwrap_or_default(), rule.merge_key);
    let merged = match (old, new) {
        (None, None) => return Ok(()),
        (Some(old), None) => old,
        (None, Some(new)) => new.into_iter().filter_map(remove_directives).collect(),
        (Some(old), Some(new)) if rule.strategy.merge => {
            lists::merge(old, new, rule.merge_key, rule.inner)?
        }
        (Some(_), Some(new)) => new,
    };
    let arranged = arrange(
        merged,
        &identities(order, rule.merge_key),
        &server_order,
        rule.merge_key,
    )?;
    original.insert(field.to_owned(), Value::Array(arranged));
    patch.remove(field);
    Ok(())
}

fn list(value: Option<&Value>) -> Result<Option<Vec<Value>>, PatchError> {
    let words = |actual: &str| {
        PatchError::Internal(format!(
            "expected a []interface {{}}, but received a {actual}"
        ))
    };
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items.clone())),
        Some(Value::Null) => Err(words("%!s(<nil>)")),
        Some(Value::Bool(_)) => Err(words("bool")),
        Some(Value::Number(_)) => Err(words("int64")),
        Some(Value::String(_)) => Err(words("string")),
        Some(Value::Object(_)) => Err(words("map[string]interface {}")),
    }
}

/// What the patch sets must stand in its order list, in the same order.
fn check(new: &[Value], order: &[Value], merge_key: &str) -> Result<(), PatchError> {
    if new.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut order_left = order.iter();
    for member in new.iter().filter(|member| member.get(DIRECTIVE).is_none()) {
        let wanted = identity(member, merge_key).ok_or_else(|| no_merge_key(member, merge_key))?;
        let found =
            order_left.any(|place| identity(place, merge_key).as_deref() == Some(wanted.as_str()));
        if !found {
            let (new, order) = (shown(&Value::from(new)), shown(&Value::from(order)));
            let words = format!(
                "The order in patch list:\n{new}\n doesn't match {SET_ELEMENT_ORDER} list:\n{order}\n"
            );
            return Err(PatchError::Internal(words));
        }
    }
    Ok(())
}
