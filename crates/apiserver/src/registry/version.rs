//! The resource version that a client names: a number, though it travels as text.

use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

/// The version in the metadata of an object; 0 where it names none.
///
/// # Errors
/// 500, as Kubernetes answers what is no number.
pub(super) fn version_of(object: &dyn Object) -> Result<u64> {
    let text = object.metadata().resource_version.as_deref();
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let why = if digits {
            "value out of range"
        } else {
            "invalid syntax"
        };
        StatusError::new(
            500,
            "",
            format!("strconv.ParseUint: parsing {text:?}: {why}"),
        )
    })
}
