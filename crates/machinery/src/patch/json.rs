//! JSON patch: RFC 6902, as Kubernetes' library takes it, which asks for less than the RFC does: a member that is not there is replaced
//! all the same, and is as good as null to those that test or copy it.

mod findings;
mod operation;
mod place;
#[cfg(test)]
mod tests;
mod work;

use serde_json::Value;

use super::{PatchError, go_kind};
use crate::decode::syntax_error;
use crate::limits::MAX_PATCH_OPERATIONS;
use operation::Operation;
use work::Work;

/// A patch that has been read: once, however often it is applied.
#[derive(Debug)]
pub struct Patch(Vec<Value>);

impl Patch {
    /// Reads a patch that nobody validates.
    ///
    /// # Errors
    /// Where it is none, in the words of Kubernetes' library, or has too many operations.
    pub fn parse(patch: &[u8]) -> Result<Self, PatchError> {
        match serde_json::from_slice(patch) {
            Ok(value) => Self::of(value),
            Err(error) => {
                let words = syntax_error(patch).unwrap_or_else(|| error.to_string());
                Err(PatchError::BadRequest(words))
            }
        }
    }

    /// Reads a patch, and what field validation finds in it: `json patch unknown field "[0].bogus"`.
    ///
    /// # Errors
    /// Where it is none, in the words of Kubernetes' own types for patches, or has too many operations.
    pub fn validated(patch: &[u8]) -> Result<(Self, Vec<String>), PatchError> {
        let (value, findings) = findings::read(patch)?;
        Ok((Self::of(value)?, findings))
    }

    /// A patch from JSON that has been read.
    ///
    /// # Errors
    /// Where it is none, in the words of Kubernetes' library, or has too many operations.
    pub fn of(value: Value) -> Result<Self, PatchError> {
        let operations = match value {
            Value::Array(operations) => operations,
            Value::Null => Vec::new(),
            other => {
                return Err(PatchError::BadRequest(format!(
                    "json: cannot unmarshal {} into Go value of type jsonpatch.Patch",
                    go_kind(&other)
                )));
            }
        };
        check(&operations)?;
        Ok(Self(operations))
    }

    /// Applies it to a document.
    ///
    /// # Errors
    /// Where it does not fit the document, which then stays as it was, or takes more than [`crate::limits::MAX_PATCH_WORK`].
    pub fn apply(&self, document: &mut Value) -> Result<(), PatchError> {
        let mut patched = document.clone();
        self.run(&mut patched, &mut Work::default())?;
        *document = patched;
        Ok(())
    }

    fn run(&self, document: &mut Value, work: &mut Work) -> Result<(), PatchError> {
        for operation in &self.0 {
            // What is no operation is found when it is to be applied.
            let operation = operation.as_object().ok_or(PatchError::Unprocessable)?;
            Operation(operation).apply(document, work)?;
        }
        Ok(())
    }

    /// Whether a name is anywhere in it: in a path, or in a value.
    pub fn mentions(&self, name: &str) -> bool {
        self.0.iter().any(|operation| mentions(operation, name))
    }
}

/// Reads a patch and applies it to a document.
///
/// # Errors
/// Where the patch is no patch, too large, or does not fit the document, which then stays as it was.
pub fn apply(document: &mut Value, patch: &[u8]) -> Result<(), PatchError> {
    Patch::parse(patch)?.apply(document)
}

/// Refuses too many operations, and what is none.
fn check(operations: &[Value]) -> Result<(), PatchError> {
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
        None => Ok(()),
    }
}

fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text.contains(name),
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        Value::Object(fields) => fields
            .iter()
            .any(|(key, value)| key.contains(name) || mentions(value, name)),
        _ => false,
    }
}
