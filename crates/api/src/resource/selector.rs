//! Which devices are meant, and how they are to be set up.

use k8s_openapi::api::resource::v1::{DeviceSelector, OpaqueDeviceConfiguration};
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::check;
use crate::pod::volume_sources::check_driver_name;

/// The most selectors that are told at once.
const MAX_SELECTORS: usize = 32;
/// The longest expression, in bytes.
const MAX_EXPRESSION: usize = 10 * 1024;
/// The most bytes of a driver's parameters, and of what it says of a device.
pub(super) const MAX_PARAMETERS: usize = 10 * 1024;

/// Checks selectors. What their expressions say is not looked at: there is no CEL here yet.
pub(super) fn check_selectors(errors: &mut ErrorList, path: &Path, selectors: &[DeviceSelector]) {
    check::list(
        errors,
        path,
        selectors,
        MAX_SELECTORS,
        |errors, path, selector| {
            let path = path.child("cel");
            match &selector.cel {
                None => errors.push(Error::required(&path, "")),
                Some(cel) if cel.expression.len() > MAX_EXPRESSION => {
                    errors.push(Error::too_long(&path.child("expression"), MAX_EXPRESSION));
                }
                Some(_) => {}
            }
        },
    );
}

/// Checks the set-up of devices by a driver of its own.
pub(super) fn check_opaque(
    errors: &mut ErrorList,
    path: &Path,
    opaque: Option<&OpaqueDeviceConfiguration>,
) {
    let path = path.child("opaque");
    let Some(opaque) = opaque else {
        errors.push(Error::required(&path, ""));
        return;
    };
    check_driver_name(errors, &path.child("driver"), &opaque.driver);
    check_raw(errors, &path.child("parameters"), &opaque.parameters);
}

/// Checks what only a driver understands: an object, and not too large.
pub(super) fn check_raw(errors: &mut ErrorList, path: &Path, RawExtension(raw): &RawExtension) {
    if raw.is_null() {
        errors.push(Error::required(path, ""));
    } else if raw.to_string().len() > MAX_PARAMETERS {
        errors.push(Error::too_long(path, MAX_PARAMETERS));
    } else if !matches!(raw, Value::Object(_)) {
        let detail = "must be a valid JSON object";
        errors.push(Error::invalid(path, "<value omitted>", detail));
    }
}
