//! Warnings about kinds of volumes that are gone or going.

use k8s_openapi::api::core::v1::{PodSpec, Volume};
use navarch_machinery::field::Path;

use super::super::absent::items;

/// Kinds that no node serves any more.
pub(super) fn old_kinds(warnings: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    for (index, volume) in items(&spec.volumes).iter().enumerate() {
        let path = path.child("volumes").index(index);
        for (name, message) in early_kinds(volume) {
            warnings.push(format!("{}: {message}", path.child(name)));
        }
        claim(warnings, &path, volume);
        for (name, present) in [
            ("cephfs", volume.cephfs.is_some()),
            ("rbd", volume.rbd.is_some()),
        ] {
            if present {
                warnings.push(format!(
                    "{}: deprecated in v1.28, non-functional in v1.31+",
                    path.child(name)
                ));
            }
        }
    }
}

fn early_kinds(volume: &Volume) -> impl Iterator<Item = (&'static str, &'static str)> {
    let kinds = [
        (
            "photonPersistentDisk",
            volume.photon_persistent_disk.is_some(),
            "deprecated in v1.11, non-functional in v1.16+",
        ),
        (
            "gitRepo",
            volume.git_repo.is_some(),
            "deprecated in v1.11, and disabled by default in v1.33+",
        ),
        (
            "scaleIO",
            volume.scale_io.is_some(),
            "deprecated in v1.16, non-functional in v1.22+",
        ),
        (
            "flocker",
            volume.flocker.is_some(),
            "deprecated in v1.22, non-functional in v1.25+",
        ),
        (
            "storageOS",
            volume.storageos.is_some(),
            "deprecated in v1.22, non-functional in v1.25+",
        ),
        (
            "quobyte",
            volume.quobyte.is_some(),
            "deprecated in v1.22, non-functional in v1.25+",
        ),
        (
            "glusterfs",
            volume.glusterfs.is_some(),
            "deprecated in v1.25, non-functional in v1.26+",
        ),
    ];
    kinds
        .into_iter()
        .filter(|(_, present, _)| *present)
        .map(|(name, _, message)| (name, message))
}

fn claim(warnings: &mut Vec<String>, path: &Path, volume: &Volume) {
    let template = volume
        .ephemeral
        .as_ref()
        .and_then(|ephemeral| ephemeral.volume_claim_template.as_ref());
    let Some(resources) = template.and_then(|template| template.spec.resources.as_ref()) else {
        return;
    };
    let path = path
        .child("ephemeral")
        .child("volumeClaimTemplate")
        .child("spec")
        .child("resources");
    for (name, list) in [
        ("requests", &resources.requests),
        ("limits", &resources.limits),
    ] {
        if let Some(value) = list.as_ref().and_then(|list| list.get("storage")) {
            super::fractional(warnings, &path.child(name).key("storage"), value);
        }
    }
}
