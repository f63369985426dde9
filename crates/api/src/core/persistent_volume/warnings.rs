//! What is accepted of a volume, and yet most likely not meant.

use k8s_openapi::api::core::v1::PersistentVolume;
use navarch_machinery::field::Path;

use super::{CLASS, MOUNT_OPTIONS};
use crate::pod::absent::text;
use crate::pod::node_selector_term_warnings;

const ANNOTATIONS: &[(&str, &str)] = &[
    (
        CLASS,
        "deprecated since v1.8; use \"storageClassName\" attribute instead",
    ),
    (
        MOUNT_OPTIONS,
        "deprecated since v1.31; use \"mountOptions\" attribute instead",
    ),
];

pub(super) fn of(volume: &PersistentVolume) -> Vec<String> {
    let mut warnings = Vec::new();
    let annotations = volume.metadata.annotations.as_ref();
    for (key, message) in ANNOTATIONS {
        if annotations.is_some_and(|all| all.contains_key(*key)) {
            let path = Path::new("metadata").child("annotations").key(key);
            warnings.push(format!("{path}: {message}"));
        }
    }
    let Some(spec) = &volume.spec else {
        return warnings;
    };
    let path = Path::new("spec");
    if text(&spec.persistent_volume_reclaim_policy) == "Recycle" {
        warnings.push(format!(
            "{}: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
            path.child("persistentVolumeReclaimPolicy")
        ));
    }
    let needed = spec
        .node_affinity
        .as_ref()
        .and_then(|affinity| affinity.required.as_ref());
    for (at, term) in needed
        .iter()
        .flat_map(|needed| &needed.node_selector_terms)
        .enumerate()
    {
        let path = path.child("nodeAffinity").child("required");
        let path = path.child("nodeSelectorTerms").index(at);
        node_selector_term_warnings(&mut warnings, &path, term, false);
    }
    let old = [
        (spec.cephfs.is_some(), "cephfs", "v1.28", "v1.31"),
        (
            spec.photon_persistent_disk.is_some(),
            "photonPersistentDisk",
            "v1.11",
            "v1.16",
        ),
        (spec.scale_io.is_some(), "scaleIO", "v1.16", "v1.22"),
        (spec.storageos.is_some(), "storageOS", "v1.22", "v1.25"),
        (spec.glusterfs.is_some(), "glusterfs", "v1.25", "v1.26"),
        (spec.rbd.is_some(), "rbd", "v1.28", "v1.31"),
    ];
    for (_, name, deprecated, gone) in old.into_iter().filter(|(present, ..)| *present) {
        let path = path.child(name);
        warnings.push(format!(
            "{path}: deprecated in {deprecated}, non-functional in {gone}+"
        ));
    }
    warnings
}
