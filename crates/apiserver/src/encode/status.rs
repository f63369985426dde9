//! A Status in bytes.

use bytes::Bytes;
use navarch_machinery::status::StatusError;

/// The JSON of a refusal.
pub(crate) fn status_json(error: &StatusError) -> Bytes {
    serde_json::to_vec(&error.to_status())
        .unwrap_or_default()
        .into()
}

/// The same as a value, for the end of a watch.
pub(crate) fn failure(error: &StatusError) -> String {
    serde_json::to_string(&error.to_status()).unwrap_or_default()
}
