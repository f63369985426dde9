//! JSON patch: RFC 6902.

#[cfg(test)]
mod tests;

use json_patch::{Patch, PatchOperation};
use serde::Deserialize;
use serde_json::Value;

use super::PatchError;
use crate::decode::{decode, syntax_error};
use crate::limits::{MAX_DEPTH, MAX_PATCH_COPY, MAX_PATCH_OPERATIONS};

/// Applies a patch to a document.
///
/// # Errors
/// Where the patch is no patch, too large, or does not fit the document, which then stays as it was.
pub fn apply(document: &mut Value, patch: &[u8]) -> Result<(), PatchError> {
    let operations = parse(patch)?;
    let mut patched = document.clone();
    let mut copied = 0;
    for operation in &operations.0 {
        check_growth(&patched, operation, &mut copied)?;
        json_patch::patch_unsafe(&mut patched, std::slice::from_ref(operation))
            .map_err(|_| PatchError::Unprocessable)?;
    }
    *document = patched;
    Ok(())
}

fn parse(patch: &[u8]) -> Result<Patch, PatchError> {
    let raw: Vec<Value> =
        serde_json::from_slice(patch).map_err(|_| PatchError::BadRequest(no_list(patch)))?;
    if raw.len() > MAX_PATCH_OPERATIONS {
        let (max, got) = (MAX_PATCH_OPERATIONS, raw.len());
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {max}, got {got}"
        )));
    }
    if let Some(other) = raw
        .iter()
        .find(|operation| !operation.is_object() && !operation.is_null())
    {
        let words = format!(
            "json: cannot unmarshal {} into Go value of type jsonpatch.Operation",
            kind(other)
        );
        return Err(PatchError::BadRequest(words));
    }
    // What is no operation is found when it is to be applied.
    raw.into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map(Patch)
        .map_err(|_| PatchError::Unprocessable)
}

fn no_list(patch: &[u8]) -> String {
    if let Some(words) = syntax_error(patch) {
        return words;
    }
    let value: Value = serde_json::from_slice(patch).unwrap_or_default();
    format!(
        "json: cannot unmarshal {} into Go value of type jsonpatch.Patch",
        kind(&value)
    )
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A few operations must not make a document that is too large or too deep to handle.
fn check_growth(
    document: &Value,
    operation: &PatchOperation,
    copied: &mut usize,
) -> Result<(), PatchError> {
    let (path, value) = match operation {
        PatchOperation::Add(add) => (&add.path, Some(&add.value)),
        PatchOperation::Replace(replace) => (&replace.path, Some(&replace.value)),
        PatchOperation::Move(from) => (&from.path, from.from.resolve(document).ok()),
        PatchOperation::Copy(from) => (&from.path, from.from.resolve(document).ok()),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    let Some(value) = value else { return Ok(()) };
    if path.count() + depth(value) > MAX_DEPTH {
        return Err(PatchError::Unprocessable);
    }
    if let PatchOperation::Copy(_) = operation {
        *copied += value.to_string().len();
        if *copied > MAX_PATCH_COPY {
            let words = "Unable to complete the copy, the accumulated size increase of copy is";
            return Err(PatchError::TooLarge(format!(
                "{words} {copied}, exceeding the limit {MAX_PATCH_COPY}"
            )));
        }
    }
    Ok(())
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
    #[derive(Deserialize)]
    struct Operation {
        #[serde(default, rename = "op")]
        _op: Option<String>,
        #[serde(default, rename = "path")]
        _path: Option<String>,
        #[serde(default, rename = "from")]
        _from: Option<String>,
        #[serde(default, rename = "value")]
        _value: Option<Value>,
    }
    let decoded = decode::<Vec<Operation>>(patch)
        .map_err(|error| PatchError::BadRequest(format!("error decoding patch: {error}")))?;
    Ok(decoded
        .findings()
        .into_iter()
        .map(|finding| format!("json patch {finding}"))
        .collect())
}
