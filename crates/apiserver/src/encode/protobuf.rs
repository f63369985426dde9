//! JSON that this server wrote, as Kubernetes' protobuf.

use navarch_api::schema::schema;
use navarch_machinery::protobuf;
use navarch_machinery::schema::TypeId;
use navarch_machinery::status::{Result, StatusError};

use super::scan;

/// The body of an object, a list or a Status, whose JSON says what it is.
pub(crate) fn protobuf(json: &[u8]) -> Result<Vec<u8>> {
    let word = |key| {
        let place = scan::member(json, 0, key);
        place
            .and_then(|place| scan::text(json, place))
            .unwrap_or_default()
    };
    let (api_version, kind) = (word("apiVersion"), word("kind"));
    // Some documents of discovery say no version in JSON.
    let api_version = if api_version.is_empty() {
        "v1"
    } else {
        api_version
    };
    let id = type_of(api_version, kind).ok_or_else(|| {
        StatusError::not_acceptable(
            "object *unstructured.Unstructured does not implement the protobuf marshalling interface and cannot be encoded \
             to a protobuf message",
        )
    })?;
    protobuf::from_json(schema(), id, (api_version, kind), json).map_err(StatusError::internal)
}

/// The type of a kind; those of `meta.k8s.io` are the same in both of its versions.
fn type_of(api_version: &str, kind: &str) -> Option<TypeId> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let version = if group == "meta.k8s.io" {
        "v1"
    } else {
        version
    };
    schema().kind(group, version, kind)
}
