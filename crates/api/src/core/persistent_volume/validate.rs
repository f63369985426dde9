//! What a volume may be: one of its own, or the one that an attachment states in itself.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeSpec, VolumeNodeAffinity};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_subdomain;

use super::{MOUNT_OPTIONS, sources};
use crate::check::found;
use crate::pod::absent::{items, text};
use crate::pod::check::supported_value;
use crate::pod::{amount, check_access_modes, check_node_selector};
use crate::shown::json;

const RETAIN: &str = "Retain";
const RECYCLE: &str = "Recycle";
const FILESYSTEM: &str = "Filesystem";
const NOT_INLINE: &str = "may not be specified in the context of inline volumes";

/// Checks a volume, its metadata apart.
pub(super) fn volume(volume: &PersistentVolume) -> ErrorList {
    let mut errors = spec(volume);
    errors.extend(mount_options(volume));
    errors
}

/// Checks the spec of a volume.
pub(super) fn spec(volume: &PersistentVolume) -> ErrorList {
    let Some(spec) = &volume.spec else {
        return ErrorList::new();
    };
    let mut errors = ErrorList::new();
    let path = Path::new("spec");
    access_modes(&mut errors, &path, spec);
    capacity(&mut errors, &path.child("capacity"), spec);
    let policy = text(&spec.persistent_volume_reclaim_policy);
    supported_value(
        &mut errors,
        &path.child("persistentVolumeReclaimPolicy"),
        policy,
        &["Delete", RECYCLE, RETAIN],
    );
    if let Some(affinity) = &spec.node_affinity {
        node_affinity(&mut errors, &path.child("nodeAffinity"), affinity);
    }
    sources::check(&mut errors, &path, spec, text(&volume.metadata.name));
    root_is_not_recycled(&mut errors, &path, spec);
    let class = text(&spec.storage_class_name);
    if !class.is_empty() {
        let findings = is_dns1123_subdomain(class);
        errors.extend(found(class, findings, &path.child("storageClassName")));
    }
    if let Some(mode) = &spec.volume_mode {
        let path = path.child("volumeMode");
        supported_value(&mut errors, &path, mode, &["Block", FILESYSTEM]);
    }
    attributes_class(&mut errors, &path, spec);
    errors
}

/// Checks the volume that an attachment states in itself: a CSI volume that nobody claims.
pub(crate) fn check_inline(errors: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec) {
    let forbid = |errors: &mut ErrorList, is: bool, name: &str, detail: &str| {
        if is {
            errors.push(Error::forbidden(&path.child(name), detail));
        }
    };
    forbid(errors, spec.claim_ref.is_some(), "claimRef", NOT_INLINE);
    forbid(errors, spec.capacity.is_some(), "capacity", NOT_INLINE);
    if spec.csi.is_none() {
        let detail = "has to be specified in the context of inline volumes";
        errors.push(Error::required(&path.child("csi"), detail));
    }
    access_modes(errors, path, spec);
    let policy = text(&spec.persistent_volume_reclaim_policy);
    forbid(
        errors,
        !policy.is_empty() && policy != RETAIN,
        "persistentVolumeReclaimPolicy",
        "may only be Retain in the context of inline volumes",
    );
    let affinity = spec.node_affinity.is_some();
    forbid(errors, affinity, "nodeAffinity", NOT_INLINE);
    sources::check(errors, path, spec, "");
    root_is_not_recycled(errors, path, spec);
    let class = spec.storage_class_name.is_some();
    forbid(errors, class, "storageClassName", NOT_INLINE);
    forbid(
        errors,
        spec.volume_mode
            .as_ref()
            .is_some_and(|mode| mode != FILESYSTEM),
        "volumeMode",
        "may not specify volumeMode other than Filesystem in the context of inline volumes",
    );
}

fn access_modes(errors: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec) {
    let path = path.child("accessModes");
    let modes = items(&spec.access_modes);
    if modes.is_empty() {
        errors.push(Error::required(&path, ""));
    }
    check_access_modes(errors, &path, modes);
}

/// Storage, and nothing else.
fn capacity(errors: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec) {
    let none = BTreeMap::new();
    let capacity = spec.capacity.as_ref().unwrap_or(&none);
    if capacity.is_empty() {
        errors.push(Error::required(path, ""));
    }
    if !capacity.contains_key("storage") || capacity.len() > 1 {
        errors.push(Error::not_supported(
            path,
            json(&spec.capacity),
            &["storage"],
        ));
    }
    for (name, amount) in capacity {
        let path = path.key(name);
        let value = amount::value(amount);
        if value < 0 {
            let detail = "must be a valid resource quantity";
            errors.push(Error::invalid(&path, value, detail));
        }
        if !amount::is_positive(amount) {
            let shown = amount::shown(amount);
            errors.push(Error::invalid(&path, shown, "must be greater than zero"));
        }
    }
}

fn node_affinity(errors: &mut ErrorList, path: &Path, affinity: &VolumeNodeAffinity) {
    let path = path.child("required");
    match &affinity.required {
        Some(needed) => check_node_selector(errors, &path, needed),
        None => errors.push(Error::required(
            &path,
            "must specify required node constraints",
        )),
    }
}

fn root_is_not_recycled(errors: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec) {
    let is_root = |path: &str| {
        path.starts_with('/') && path.split('/').all(|part| matches!(part, "" | "." | ".."))
    };
    let root = spec.host_path.as_ref().is_some_and(|it| is_root(&it.path));
    if root && text(&spec.persistent_volume_reclaim_policy) == RECYCLE {
        errors.push(Error::forbidden(
            &path.child("persistentVolumeReclaimPolicy"),
            "may not be 'recycle' for a hostPath mount of '/'",
        ));
    }
}

fn attributes_class(errors: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec) {
    let Some(class) = &spec.volume_attributes_class_name else {
        return;
    };
    let class_path = path.child("volumeAttributesClassName");
    if class.is_empty() {
        let detail = "an empty string is disallowed";
        errors.push(Error::required(&class_path, detail));
    } else {
        errors.extend(found(class, is_dns1123_subdomain(class), &class_path));
    }
    if spec.csi.is_none() {
        errors.push(Error::required(
            &path.child("csi"),
            "has to be specified when using volumeAttributesClassName",
        ));
    }
}

/// Options for mounting may come as an annotation where the kind of volume knows them.
fn mount_options(volume: &PersistentVolume) -> Option<Error> {
    let spec = volume.spec.as_ref()?;
    let known = [
        spec.gce_persistent_disk.is_some(),
        spec.aws_elastic_block_store.is_some(),
        spec.glusterfs.is_some(),
        spec.nfs.is_some(),
        spec.rbd.is_some(),
        spec.quobyte.is_some(),
        spec.iscsi.is_some(),
        spec.cinder.is_some(),
        spec.cephfs.is_some(),
        spec.azure_file.is_some(),
        spec.vsphere_volume.is_some(),
        spec.azure_disk.is_some(),
        spec.photon_persistent_disk.is_some(),
    ];
    let annotations = volume.metadata.annotations.as_ref()?;
    if known.contains(&true) || !annotations.contains_key(MOUNT_OPTIONS) {
        return None;
    }
    let path = Path::new("metadata")
        .child("annotations")
        .child(MOUNT_OPTIONS);
    let detail = "may not specify mount options for this volume type";
    Some(Error::forbidden(&path, detail))
}
