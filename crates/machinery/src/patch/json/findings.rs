//! What field validation says of a patch.

use serde_json::{Map, Value};

use super::{PatchError, go_kind};
use crate::decode::decode;
use crate::limits::MAX_STRICT_FINDINGS;

/// The fields of an operation that are text.
const TEXTS: &[&str] = &["op", "path", "from"];
/// Its fields.
const FIELDS: &[&str] = &["op", "path", "from", "value"];

/// Reads a patch, and finds what is unknown in it or there twice.
///
/// # Errors
/// Where it is no list of operations.
pub(super) fn read(patch: &[u8]) -> Result<(Value, Vec<String>), PatchError> {
    let wrong = |words: String| PatchError::BadRequest(format!("error decoding patch: {words}"));
    let decoded = decode::<Value>(patch).map_err(|error| wrong(error.0))?;
    if let Some(words) = misshapen(&decoded.value) {
        return Err(wrong(words));
    }
    let found = unknown(&decoded.value).chain(decoded.findings());
    let found = found.take(MAX_STRICT_FINDINGS);
    let found = found.map(|it| format!("json patch {it}")).collect();
    Ok((decoded.value, found))
}

fn unknown(patch: &Value) -> impl Iterator<Item = String> {
    let operations = patch.as_array().into_iter().flatten().enumerate();
    operations.flat_map(|(at, operation)| {
        let names = operation.as_object().into_iter().flat_map(Map::keys);
        names
            .filter(|name| !FIELDS.contains(&name.as_str()))
            .map(move |name| format!("unknown field \"[{at}].{name}\""))
    })
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
