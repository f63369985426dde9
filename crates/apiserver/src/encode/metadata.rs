//! Metadata only.

use super::scan;

const HEAD: &[u8] =
    b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":";

/// An object's metadata, as `meta.k8s.io/v1` PartialObjectMetadata.
pub(crate) fn partial(json: &[u8]) -> Vec<u8> {
    let metadata = scan::metadata(json)
        .and_then(|range| json.get(range))
        .unwrap_or(b"{}");
    [HEAD, metadata, b"}"].concat()
}
