//! Volumes as containers see them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, VolumeMount};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::absent::{flag, items, text};
use super::super::check;
use super::super::context::Context;

/// Where the volumes are mounted. What concerns the manner of a mount is said of the list.
pub(super) fn check(
    errors: &mut ErrorList,
    list: &Path,
    container: &Container,
    context: &Context<'_>,
) {
    let devices: BTreeMap<&str, &str> = items(&container.volume_devices)
        .iter()
        .map(|device| (device.name.as_str(), device.device_path.as_str()))
        .collect();
    let mut taken = BTreeSet::new();
    for (index, mount) in items(&container.volume_mounts).iter().enumerate() {
        let path = list.index(index);
        let name = &path.child("name");
        let mount_path = &path.child("mountPath");
        check::required(errors, name, &mount.name);
        if !context.volumes.contains_key(mount.name.as_str()) {
            errors.push(Error::not_found(name, &mount.name));
        }
        check::required(errors, mount_path, &mount.mount_path);
        if !taken.insert(mount.mount_path.as_str()) {
            errors.push(Error::invalid(
                mount_path,
                &mount.mount_path,
                "must be unique",
            ));
        }
        if devices.contains_key(mount.name.as_str()) {
            errors.push(Error::invalid(
                name,
                &mount.name,
                "must not already exist in volumeDevices",
            ));
        }
        if devices.values().any(|device| *device == mount.mount_path) {
            errors.push(Error::invalid(
                mount_path,
                &mount.mount_path,
                "must not already exist as a path in volumeDevices",
            ));
        }
        check_sub_path(errors, list, &path, mount);
        check_propagation(errors, &list.child("mountPropagation"), mount, container);
        check_recursive_read_only(errors, &list.child("recursiveReadOnly"), mount);
    }
}

fn check_sub_path(errors: &mut ErrorList, list: &Path, path: &Path, mount: &VolumeMount) {
    let (fixed, expanded) = (text(&mount.sub_path), text(&mount.sub_path_expr));
    if !fixed.is_empty() {
        check::descending_path(errors, &list.child("subPath"), fixed);
    }
    if !expanded.is_empty() {
        if !fixed.is_empty() {
            errors.push(Error::invalid(
                &path.child("subPathExpr"),
                expanded,
                "subPathExpr and subPath are mutually exclusive",
            ));
        }
        check::descending_path(errors, &list.child("subPathExpr"), expanded);
    }
}

fn check_propagation(
    errors: &mut ErrorList,
    path: &Path,
    mount: &VolumeMount,
    container: &Container,
) {
    let Some(propagation) = &mount.mount_propagation else {
        return;
    };
    check::supported_value(
        errors,
        path,
        propagation,
        &["Bidirectional", "HostToContainer", "None"],
    );
    let privileged = container
        .security_context
        .as_ref()
        .is_some_and(|context| flag(context.privileged));
    if propagation == "Bidirectional" && !privileged {
        errors.push(Error::forbidden(
            path,
            "Bidirectional mount propagation is available only to privileged containers",
        ));
    }
}

fn check_recursive_read_only(errors: &mut ErrorList, path: &Path, mount: &VolumeMount) {
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !flag(mount.read_only) {
                errors.push(Error::forbidden(
                    path,
                    "may only be specified when readOnly is true",
                ));
            }
            if mount
                .mount_propagation
                .as_ref()
                .is_some_and(|propagation| propagation != "None")
            {
                errors.push(Error::forbidden(
                    path,
                    "may only be specified when mountPropagation is None or not specified",
                ));
            }
        }
        Some(other) => errors.push(Error::not_supported(
            path,
            other,
            &["Disabled", "Enabled", "IfPossible"],
        )),
    }
}

/// Volumes that a container has as block devices.
pub(super) fn check_devices(
    errors: &mut ErrorList,
    list: &Path,
    container: &Container,
    context: &Context<'_>,
) {
    let mounts: BTreeMap<&str, &str> = items(&container.volume_mounts)
        .iter()
        .map(|mount| (mount.name.as_str(), mount.mount_path.as_str()))
        .collect();
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for (index, device) in items(&container.volume_devices).iter().enumerate() {
        let name = &list.index(index).child("name");
        let device_path = &list.index(index).child("devicePath");
        check::required(errors, name, &device.name);
        if names.contains(device.name.as_str()) {
            errors.push(Error::invalid(name, &device.name, "must be unique"));
        }
        match context.volumes.get(device.name.as_str()) {
            None => errors.push(Error::not_found(name, &device.name)),
            Some(volume)
                if volume.persistent_volume_claim.is_none() && volume.ephemeral.is_none() =>
            {
                let detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                errors.push(Error::invalid(name, &device.name, detail));
            }
            Some(_) => {}
        }
        check::required(errors, device_path, &device.device_path);
        if paths.contains(device.device_path.as_str()) {
            errors.push(Error::invalid(
                device_path,
                &device.device_path,
                "must be unique",
            ));
        }
        if check::has_backsteps(&device.device_path) {
            errors.push(Error::invalid(
                device_path,
                &device.device_path,
                "can not contain backsteps ('..')",
            ));
        } else {
            paths.insert(device.device_path.as_str());
        }
        if mounts.contains_key(device.name.as_str()) {
            errors.push(Error::invalid(
                name,
                &device.name,
                "must not already exist in volumeMounts",
            ));
        }
        if mounts.values().any(|mount| *mount == device.device_path) {
            errors.push(Error::invalid(
                device_path,
                &device.device_path,
                "must not already exist as a path in volumeMounts",
            ));
        }
        if !device.name.is_empty() {
            names.insert(device.name.as_str());
        }
    }
}
