//! The patches of the API: JSON patch, JSON merge patch, strategic merge patch.

pub mod json;
pub mod merge;
pub mod strategic;

use serde_json::{Map, Value};

use crate::decode::syntax_error;
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
    /// 413: too many operations, or too much copied.
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
            PatchError::Unprocessable => Self {
                details: Some(Box::default()),
                ..Self::new(422, "Invalid", message)
            },
            PatchError::TooLarge(_) => Self::too_large(message),
            PatchError::Internal(_) => Self::new(500, "", message),
        }
    }
}

/// Reads a merge patch or strategic merge patch: a JSON object.
///
/// # Errors
/// Anything else.
pub fn parse_object(patch: &[u8]) -> Result<Value, PatchError> {
    let wrong = |words: String| PatchError::BadRequest(format!("error decoding patch: {words}"));
    let not_object = |what: &str| {
        wrong(format!(
            "json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
        ))
    };
    let value = match serde_json::from_slice(patch) {
        Ok(value) => value,
        Err(error) => {
            return Err(wrong(
                syntax_error(patch).unwrap_or_else(|| error.to_string()),
            ));
        }
    };
    match value {
        Value::Object(_) => Ok(value),
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Bool(_) => Err(not_object("bool")),
        Value::Number(_) => Err(not_object("number")),
        Value::String(_) => Err(not_object("string")),
        Value::Array(_) => Err(not_object("array")),
    }
}
