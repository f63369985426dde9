//! Volumes on disks and servers elsewhere.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    AzureDiskVolumeSource, CSIVolumeSource, FCVolumeSource, FlexVolumeSource, FlockerVolumeSource,
    LocalObjectReference, NFSVolumeSource, QuobyteVolumeSource, RBDVolumeSource,
    StorageOSVolumeSource,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{inclusive_range_error, is_dns1123_subdomain};

use super::super::absent::{entries, items, text};
use super::super::check::{self, Json};

/// The longest name of a CSI driver.
const MAX_DRIVER: usize = 63;
/// Tenants of Quobyte are shorter than this.
const MAX_TENANT: usize = 65;

pub(crate) fn check_partition(errors: &mut ErrorList, path: &Path, partition: Option<i32>) {
    if let Some(partition) = partition.filter(|partition| !(0..=255).contains(partition)) {
        errors.push(Error::invalid(
            &path.child("partition"),
            partition,
            inclusive_range_error(1, 255),
        ));
    }
}

/// A reference to a secret must name it.
pub(super) fn check_secret_ref(
    errors: &mut ErrorList,
    path: &Path,
    secret: Option<&LocalObjectReference>,
) {
    if let Some(secret) = secret {
        check::required(errors, &path.child("secretRef").child("name"), &secret.name);
    }
}

pub(crate) fn check_nfs(errors: &mut ErrorList, path: &Path, nfs: &NFSVolumeSource) {
    check::required(errors, &path.child("server"), &nfs.server);
    check::required(errors, &path.child("path"), &nfs.path);
    if !nfs.path.starts_with('/') {
        errors.push(Error::invalid(
            &path.child("path"),
            &nfs.path,
            "must be an absolute path",
        ));
    }
}

pub(crate) fn check_flocker(errors: &mut ErrorList, path: &Path, flocker: &FlockerVolumeSource) {
    let (name, uuid) = (text(&flocker.dataset_name), text(&flocker.dataset_uuid));
    if name.is_empty() && uuid.is_empty() {
        errors.push(Error::required(
            path,
            "one of datasetName and datasetUUID is required",
        ));
    }
    if !name.is_empty() && !uuid.is_empty() {
        errors.push(Error::invalid(
            path,
            "resource",
            "datasetName and datasetUUID can not be specified simultaneously",
        ));
    }
    if name.contains('/') {
        errors.push(Error::invalid(
            &path.child("datasetName"),
            name,
            "must not contain '/'",
        ));
    }
}

pub(super) fn check_rbd(errors: &mut ErrorList, path: &Path, rbd: &RBDVolumeSource) {
    if rbd.monitors.is_empty() {
        errors.push(Error::required(&path.child("monitors"), ""));
    }
    check::required(errors, &path.child("image"), &rbd.image);
}

pub(crate) fn check_quobyte(errors: &mut ErrorList, path: &Path, quobyte: &QuobyteVolumeSource) {
    let registry = path.child("registry");
    let pairs = "must be a host:port pair or multiple pairs separated by commas";
    if quobyte.registry.is_empty() {
        errors.push(Error::required(&registry, pairs));
    } else if text(&quobyte.tenant).len() >= MAX_TENANT {
        errors.push(Error::required(
            &path.child("tenant"),
            "must be a UUID and may not exceed a length of 64 characters",
        ));
    } else {
        for _ in quobyte
            .registry
            .split(',')
            .filter(|pair| !is_host_port(pair))
        {
            errors.push(Error::invalid(&registry, &quobyte.registry, pairs));
        }
    }
    check::required(errors, &path.child("volume"), &quobyte.volume);
}

/// `host:port` or `[v6]:port`.
fn is_host_port(pair: &str) -> bool {
    match pair.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, port)) => port.starts_with(':') && !port[1..].contains(':'),
        None => pair.matches(':').count() == 1 && !pair.contains(['[', ']']),
    }
}

pub(crate) fn check_fibre_channel(errors: &mut ErrorList, path: &Path, fc: &FCVolumeSource) {
    let (targets, ids) = (items(&fc.target_wwns), items(&fc.wwids));
    if targets.is_empty() && ids.is_empty() {
        errors.push(Error::required(
            &path.child("targetWWNs"),
            "must specify either targetWWNs or wwids, but not both",
        ));
    }
    if !targets.is_empty() && !ids.is_empty() {
        let detail = "targetWWNs and wwids can not be specified simultaneously";
        errors.push(Error::invalid(
            &path.child("targetWWNs"),
            Json::of(&targets),
            detail,
        ));
    }
    if !targets.is_empty() {
        match fc.lun {
            None => errors.push(Error::required(
                &path.child("lun"),
                "lun is required if targetWWNs is specified",
            )),
            Some(lun) if !(0..=255).contains(&lun) => {
                errors.push(Error::invalid(
                    &path.child("lun"),
                    lun,
                    inclusive_range_error(0, 255),
                ));
            }
            Some(_) => {}
        }
    }
}

pub(super) fn check_flex(errors: &mut ErrorList, path: &Path, flex: &FlexVolumeSource) {
    check::required(errors, &path.child("driver"), &flex.driver);
    check_flex_options(errors, path, &flex.options);
}

/// Options are the driver's; those named with Kubernetes' domains are Kubernetes'.
pub(crate) fn check_flex_options(
    errors: &mut ErrorList,
    path: &Path,
    options: &Option<BTreeMap<String, String>>,
) {
    for (key, _) in entries(options) {
        let namespace = key
            .split_once('/')
            .map_or(key.as_str(), |(namespace, _)| namespace);
        let namespace = format!(".{}", namespace.to_lowercase());
        if namespace.ends_with(".kubernetes.io") || namespace.ends_with(".k8s.io") {
            let detail = "kubernetes.io and k8s.io namespaces are reserved";
            errors.push(Error::invalid(&path.child("options").key(key), key, detail));
        }
    }
}

pub(crate) fn check_azure_disk(errors: &mut ErrorList, path: &Path, disk: &AzureDiskVolumeSource) {
    const MANAGED: &str = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    const BLOB: &str =
        "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    check::required(errors, &path.child("diskName"), &disk.disk_name);
    check::required(errors, &path.child("diskURI"), &disk.disk_uri);
    if let Some(mode) = &disk.caching_mode {
        check::supported_value(
            errors,
            &path.child("cachingMode"),
            mode,
            &["None", "ReadOnly", "ReadWrite"],
        );
    }
    let Some(kind) = &disk.kind else { return };
    check::supported_value(
        errors,
        &path.child("kind"),
        kind,
        &["Dedicated", "Managed", "Shared"],
    );
    let (start, form) = if kind == "Managed" {
        ("/subscriptions/", MANAGED)
    } else {
        ("https://", BLOB)
    };
    if !disk.disk_uri.starts_with(start) {
        errors.push(Error::not_supported(
            &path.child("diskURI"),
            &disk.disk_uri,
            &[form],
        ));
    }
}

pub(super) fn check_storage_os(
    errors: &mut ErrorList,
    path: &Path,
    storage_os: &StorageOSVolumeSource,
) {
    let (name, namespace) = (
        text(&storage_os.volume_name),
        text(&storage_os.volume_namespace),
    );
    if name.is_empty() {
        errors.push(Error::required(&path.child("volumeName"), ""));
    } else {
        check::label(errors, &path.child("volumeName"), name);
    }
    if !namespace.is_empty() {
        check::label(errors, &path.child("volumeNamespace"), namespace);
    }
    check_secret_ref(errors, path, storage_os.secret_ref.as_ref());
}

/// The name of a driver: a subdomain of at most 63 bytes, whose letters may be large.
pub(crate) fn check_driver_name(errors: &mut ErrorList, path: &Path, name: &str) {
    if name.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    if name.len() > MAX_DRIVER {
        errors.push(Error::too_long(path, MAX_DRIVER));
    }
    check::each(
        errors,
        path,
        name,
        is_dns1123_subdomain(&name.to_lowercase()),
    );
}

pub(super) fn check_csi(errors: &mut ErrorList, path: &Path, csi: &CSIVolumeSource) {
    check_driver_name(errors, &path.child("driver"), &csi.driver);
    match &csi.node_publish_secret_ref {
        Some(secret) if secret.name.is_empty() => {
            errors.push(Error::required(
                &path.child("nodePublishSecretRef").child("name"),
                "",
            ));
        }
        Some(secret) => check::subdomain(errors, &path.child("name"), &secret.name),
        None => {}
    }
}
