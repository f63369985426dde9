//! Strict decoding of JSON into Kubernetes' types: one adapter around serde_json that knows where it is.
//!
//! What Kubernetes takes is taken: numbers as quantities, `null` for any field, line breaks in base64. What it refuses is
//! refused in the words of Go's `encoding/json`. The words are found on the way out only, so that a good document costs little
//! more than serde_json alone.

mod access;
mod adapter;
mod base64;
mod diagnose;
mod expect;
mod names;
mod path;
mod probe;
mod syntax;
#[cfg(test)]
mod tests;
mod time;

use serde::de::DeserializeOwned;

use crate::schema::{TypeId, Types};

pub use syntax::syntax_error;

/// Checks a time of a query.
///
/// # Errors
/// In the words of Go's `time.Parse`.
pub fn check_time(text: &str) -> Result<(), String> {
    time::check(text.into(), false).map(|_| ())
}

/// A decoded value, and what in its document was not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded<T> {
    /// The value.
    pub value: T,
    /// The paths of fields the type does not have; with `duplicate` at most [`crate::limits::MAX_STRICT_FINDINGS`].
    pub unknown: Vec<String>,
    /// The paths of fields that are there more than once, of which the last counts.
    pub duplicate: Vec<String>,
}

/// Why a document could not be decoded, in the words of Go's `encoding/json`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// What a document is, in a table of types.
#[derive(Debug, Clone, Copy)]
pub struct Root<'a> {
    /// The table.
    pub types: &'a Types,
    /// The document's type.
    pub ty: TypeId,
}

impl<T> Decoded<T> {
    /// What field validation `Strict` refuses and `Warn` warns of: `unknown field "spec.bogus"`.
    pub fn findings(&self) -> Vec<String> {
        let unknown = self
            .unknown
            .iter()
            .map(|path| format!("unknown field {path:?}"));
        unknown
            .chain(
                self.duplicate
                    .iter()
                    .map(|path| format!("duplicate field {path:?}")),
            )
            .collect()
    }

    /// The error of field validation `Strict`, if there is something to refuse.
    pub fn strict_error(&self) -> Option<String> {
        let findings = self.findings();
        (!findings.is_empty()).then(|| format!("strict decoding error: {}", findings.join(", ")))
    }
}

/// Decodes a stranger's bytes.
///
/// # Errors
/// Anything that is not JSON or not of the type; unknown and duplicate fields are no errors.
pub fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<Decoded<T>, DecodeError> {
    decode_as(json, || None)
}

/// Decodes a stranger's bytes; errors name types as `root` has them, which is asked only where there is an error.
///
/// # Errors
/// Anything that is not JSON or not of the type; unknown and duplicate fields are no errors.
pub fn decode_as<'r, T: DeserializeOwned>(
    json: &[u8],
    root: impl FnOnce() -> Option<Root<'r>>,
) -> Result<Decoded<T>, DecodeError> {
    match adapter::run(json) {
        Ok(decoded) => Ok(decoded),
        Err(failure) => match diagnose::mended(json, &failure) {
            Some(mended) => adapter::run(&mended)
                .map_err(|failure| diagnose::explain(&mended, &failure, root())),
            None => Err(diagnose::explain(json, &failure, root())),
        },
    }
}

/// Decodes bytes we wrote ourselves, of which nearly all are as the types want them.
///
/// # Errors
/// Anything that is not JSON or not of the type.
pub fn decode_trusted<T: DeserializeOwned>(json: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(json).or_else(|error| match adapter::run(json) {
        Ok(decoded) => Ok(decoded.value),
        Err(_) => Err(DecodeError(error.to_string())),
    })
}
