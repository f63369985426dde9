//! JSON patch: RFC 6902.

use serde_json::Value;

use super::PatchError;

/// Applies a patch to a document.
///
/// # Errors
/// Where the patch is no patch, too large, or does not fit the document, which then stays as it was.
pub fn apply(document: &mut Value, patch: &[u8]) -> Result<(), PatchError> {
    let patch: json_patch::Patch = serde_json::from_slice(patch).map_err(|error| PatchError::BadRequest(error.to_string()))?;
    json_patch::patch(document, &patch).map_err(|error| PatchError::Unprocessable(error.to_string()))
}
