//! Metadata only.

use std::borrow::Cow;

use navarch_api::def::Text;
use serde_json::{Map, Value};

use super::scan;
use crate::served::Served;

/// An object's metadata, as PartialObjectMetadata of that version of `meta.k8s.io`.
pub(crate) fn partial(served: &Served, json: &[u8], meta: &str) -> Vec<u8> {
    let metadata = scan::metadata(json)
        .and_then(|range| json.get(range))
        .unwrap_or(b"{}");
    let metadata = match served.def.carrying_annotations.as_slice() {
        [] => Cow::Borrowed(metadata),
        carrying => without(carrying, metadata),
    };
    let (head, version) = (
        b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"",
        meta.as_bytes(),
    );
    [head, version, b"\",\"metadata\":", &*metadata, b"}"].concat()
}

/// The metadata without these annotations.
fn without<'a>(carrying: &[Text], metadata: &'a [u8]) -> Cow<'a, [u8]> {
    let Ok(mut all) = serde_json::from_slice::<Map<String, Value>>(metadata) else {
        return Cow::Borrowed(metadata);
    };
    if let Some(Value::Object(annotations)) = all.get_mut("annotations") {
        annotations.retain(|name, _| !carrying.iter().any(|carried| carried == name));
        if annotations.is_empty() {
            all.remove("annotations");
        }
    }
    Value::Object(all).to_string().into_bytes().into()
}
