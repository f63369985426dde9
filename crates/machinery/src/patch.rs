//! The patches of the API: JSON patch, JSON merge patch, strategic merge patch.

pub mod json;
pub mod merge;
pub mod strategic;

use serde_json::{Map, Value};

use crate::decode::decode;
use crate::status::StatusError;

/// Why a patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// 400: the patch itself is wrong.
    #[error("{0}")]
    BadRequest(String),
    /// 422: it is well formed and does not fit the object. Kubernetes does not tell why.
    #[error("the server rejected our request due to an error in our request")]
    Unprocessable,
    /// 422: it is well formed and takes more than it may, which is not for Kubernetes to tell: it has no such limit.
    #[error(
        "the JSON patch takes too much work: all its operations together may move {} list elements; insert and remove at the \
         end of lists, move large values no deeper, or send the patch in parts",
        crate::limits::MAX_PATCH_WORK
    )]
    TooMuchWork,
    /// 413: too many operations.
    #[error("{0}")]
    TooLarge(String),
    /// 500, as Kubernetes answers where a list member lacks its merge key or a directive is none.
    #[error("{0}")]
    Internal(String),
}

impl From<PatchError> for StatusError {
    fn from(error: PatchError) -> Self {
        let message = error.to_string();
        match error {
            PatchError::BadRequest(_) => Self::bad_request(message),
            PatchError::Unprocessable | PatchError::TooMuchWork => Self {
                details: Some(Box::default()),
                ..Self::new(422, "Invalid", message)
            },
            PatchError::TooLarge(_) => Self::too_large(message),
            PatchError::Internal(_) => Self::new(500, "", message),
        }
    }
}

/// A merge patch or strategic merge patch: none for null.
pub type Fields = Option<Map<String, Value>>;

/// Reads a merge patch or strategic merge patch: a JSON object, or null. The second are the fields that are there twice, as field validation
/// tells them.
///
/// # Errors
/// Anything else, in the words of Go's `encoding/json`.
pub fn parse_object(patch: &[u8]) -> Result<(Fields, Vec<String>), String> {
    let decoded = decode::<Value>(patch).map_err(|error| error.0)?;
    let findings = decoded.findings();
    Ok((object(decoded.value)?, findings))
}

/// A merge patch or strategic merge patch that has been read: `None` for null.
///
/// # Errors
/// What is no object, in the words of Go's `encoding/json`.
pub fn object(patch: Value) -> Result<Fields, String> {
    match patch {
        Value::Object(fields) => Ok(Some(fields)),
        Value::Null => Ok(None),
        other => Err(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go_kind(&other)
        )),
    }
}

/// What Go's `encoding/json` calls a value.
fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
