//! Metadata only.

use super::scan;

/// An object's metadata, as PartialObjectMetadata of that version of `meta.k8s.io`.
pub(crate) fn partial(json: &[u8], meta: &str) -> Vec<u8> {
    let metadata = scan::metadata(json)
        .and_then(|range| json.get(range))
        .unwrap_or(b"{}");
    let (head, version) = (
        b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"",
        meta.as_bytes(),
    );
    [head, version, b"\",\"metadata\":", metadata, b"}"].concat()
}
