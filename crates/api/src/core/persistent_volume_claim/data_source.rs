//! What a claim's volume is filled with: an old field for claims and snapshots, and a new one for anything.

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaimSpec, TypedLocalObjectReference, TypedObjectReference,
};

use crate::pod::absent::text;

/// Drops what is not taken: sources in other namespaces, a feature that is off, unless the claim had a source so named; and
/// in the old field anything but claims and snapshots, unless the claim had a source.
pub(super) fn drop_disabled(
    spec: &mut PersistentVolumeClaimSpec,
    old: Option<&PersistentVolumeClaimSpec>,
) {
    let elsewhere = |source: &TypedObjectReference| !text(&source.namespace).is_empty();
    if spec.data_source_ref.as_ref().is_some_and(elsewhere)
        && old.is_none_or(|old| old.data_source_ref.is_none())
    {
        spec.data_source_ref = None;
    }
    let had_one = old.is_some_and(|old| old.data_source.is_some() || old.data_source_ref.is_some());
    if !had_one
        && spec.data_source_ref.is_none()
        && !spec.data_source.as_ref().is_some_and(is_claim_or_snapshot)
    {
        spec.data_source = None;
    }
}

fn is_claim_or_snapshot(source: &TypedLocalObjectReference) -> bool {
    matches!(
        (source.kind.as_str(), text(&source.api_group)),
        ("PersistentVolumeClaim", "") | ("VolumeSnapshot", "snapshot.storage.k8s.io")
    )
}

/// Fills the field that is empty with what the other says.
pub(super) fn normalize(spec: &mut PersistentVolumeClaimSpec) {
    match (&spec.data_source, &spec.data_source_ref) {
        (Some(source), None) => {
            spec.data_source_ref = Some(TypedObjectReference {
                api_group: source.api_group.clone(),
                kind: source.kind.clone(),
                name: source.name.clone(),
                namespace: None,
            });
        }
        (None, Some(source)) if text(&source.namespace).is_empty() => {
            spec.data_source = Some(TypedLocalObjectReference {
                api_group: source.api_group.clone(),
                kind: source.kind.clone(),
                name: source.name.clone(),
            });
        }
        _ => {}
    }
}
