//! JSON patch: RFC 6902, as Kubernetes' library takes it, which asks for less than the RFC does: a member that is not there is replaced
//! all the same, and is as good as null to those that test or copy it.

mod place;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{PatchError, go_kind};
use crate::decode::{decode, syntax_error};
use crate::limits::{MAX_DEPTH, MAX_PATCH_COPY, MAX_PATCH_OPERATIONS, MAX_STRICT_FINDINGS};
use place::Place;

/// The fields of an operation that are text.
const TEXTS: &[&str] = &["op", "path", "from"];
/// Its fields.
const FIELDS: &[&str] = &["op", "path", "from", "value"];

/// Applies a patch to a document.
///
/// # Errors
/// Where the patch is no patch, too large, or does not fit the document, which then stays as it was.
pub fn apply(document: &mut Value, patch: &[u8]) -> Result<(), PatchError> {
    let operations = parse(patch)?;
    let mut patched = document.clone();
    let mut copied = 0;
    for operation in &operations {
        // What is no operation is found when it is to be applied.
        let operation = operation.as_object().ok_or(PatchError::Unprocessable)?;
        step(&mut patched, &Operation(operation), &mut copied).ok_or(PatchError::Unprocessable)?;
    }
    *document = patched;
    Ok(())
}

fn parse(patch: &[u8]) -> Result<Vec<Value>, PatchError> {
    let operations = match serde_json::from_slice(patch) {
        Ok(Value::Array(operations)) => operations,
        Ok(Value::Null) => Vec::new(),
        Ok(other) => {
            return Err(PatchError::BadRequest(format!(
                "json: cannot unmarshal {} into Go value of type jsonpatch.Patch",
                go_kind(&other)
            )));
        }
        Err(error) => {
            let words = syntax_error(patch).unwrap_or_else(|| error.to_string());
            return Err(PatchError::BadRequest(words));
        }
    };
    if operations.len() > MAX_PATCH_OPERATIONS {
        let (max, got) = (MAX_PATCH_OPERATIONS, operations.len());
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {max}, got {got}"
        )));
    }
    let is_none = |operation: &&Value| !operation.is_object() && !operation.is_null();
    match operations.iter().enumerate().find(|(_, it)| is_none(it)) {
        Some((at, other)) => Err(PatchError::BadRequest(format!(
            "json: cannot unmarshal {} into Patch.{at} of type jsonpatch.Operation",
            go_kind(other)
        ))),
        None => Ok(operations),
    }
}

/// An operation as it came.
struct Operation<'a>(&'a Map<String, Value>);

impl<'a> Operation<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    /// What is left out is null.
    fn value(&self) -> Value {
        self.0.get("value").cloned().unwrap_or_default()
    }
}

/// Carries out one operation. `None`: it does not fit the document, or makes it too large or too deep to handle.
fn step(document: &mut Value, operation: &Operation<'_>, copied: &mut usize) -> Option<()> {
    let path = operation.text("path")?;
    match operation.text("op")? {
        "add" => add(document, path, operation.value()),
        "remove" => Place::find(document, path)?.remove().map(drop),
        "replace" => replace(document, path, operation.value()),
        "move" => {
            let moved = Place::find(document, operation.text("from")?)?.remove()?;
            add(document, path, moved)
        }
        "copy" => {
            let value = Place::find(document, operation.text("from")?)?.get()?;
            *copied += value.to_string().len();
            (*copied <= MAX_PATCH_COPY).then_some(())?;
            add(document, path, value)
        }
        "test" => {
            let there = match path {
                "" => document.clone(),
                path => Place::find(document, path)?.get()?,
            };
            (there == operation.value()).then_some(())
        }
        _ => None,
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    fits(path, &value)?;
    Place::find(document, path)?.add(value)
}

fn replace(document: &mut Value, path: &str, value: Value) -> Option<()> {
    fits(path, &value)?;
    if !path.is_empty() {
        return Place::find(document, path)?.set(value);
    }
    // The whole document can only be something that has parts.
    (value.is_object() || value.is_array()).then(|| *document = value)
}

/// A few operations must not make a document that is too deep to handle.
fn fits(path: &str, value: &Value) -> Option<()> {
    let above = path.bytes().filter(|byte| *byte == b'/').count();
    (above + depth(value) <= MAX_DEPTH).then_some(())
}

/// How deeply a value is nested; what was read is nested no deeper than [`MAX_DEPTH`].
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// What field validation finds in a patch: `json patch unknown field "[0].bogus"`.
///
/// # Errors
/// Where the patch is none.
pub fn findings(patch: &[u8]) -> Result<Vec<String>, PatchError> {
    let wrong = |words: String| PatchError::BadRequest(format!("error decoding patch: {words}"));
    let decoded = decode::<Value>(patch).map_err(|error| wrong(error.0))?;
    if let Some(words) = misshapen(&decoded.value) {
        return Err(wrong(words));
    }
    let operations = decoded.value.as_array().into_iter().flatten().enumerate();
    let unknown = operations.flat_map(|(at, operation)| {
        let names = operation.as_object().into_iter().flat_map(Map::keys);
        names
            .filter(|name| !FIELDS.contains(&name.as_str()))
            .map(move |name| format!("unknown field \"[{at}].{name}\""))
    });
    Ok(unknown
        .chain(decoded.findings())
        .take(MAX_STRICT_FINDINGS)
        .map(|finding| format!("json patch {finding}"))
        .collect())
}

/// Why a patch is no list of operations, in the words of Kubernetes' own types for them.
fn misshapen(patch: &Value) -> Option<String> {
    let cannot = |value: &Value, place: &str| {
        let kind = go_kind(value);
        Some(format!("json: cannot unmarshal {kind} into Go {place}"))
    };
    let operations = match patch {
        Value::Array(operations) => operations,
        Value::Null => return None,
        other => return cannot(other, "value of type []handlers.jsonPatchOp"),
    };
    operations.iter().find_map(|operation| match operation {
        Value::Object(fields) => TEXTS.iter().find_map(|name| {
            let value = fields.get(*name)?;
            let text = value.is_string() || value.is_null();
            (!text).then(|| {
                cannot(
                    value,
                    &format!("struct field jsonPatchOp.{name} of type string"),
                )
            })?
        }),
        Value::Null => None,
        other => cannot(other, "value of type handlers.jsonPatchOp"),
    })
}
