//! Where the data of a volume is: of all sources just one.

use k8s_openapi::api::core::v1::{
    CSIPersistentVolumeSource, CinderPersistentVolumeSource, GlusterfsPersistentVolumeSource,
    ISCSIPersistentVolumeSource, LocalVolumeSource, PersistentVolumeSpec, SecretReference,
    StorageOSPersistentVolumeSource,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::inclusive_range_error;

use crate::pod::absent::{flag, text};
use crate::pod::check::{label, no_backsteps, required, subdomain};
use crate::pod::volume_sources::{
    check_azure_disk, check_driver_name, check_fibre_channel, check_flex_options, check_flocker,
    check_host_path, check_nfs, check_partition, check_quobyte, check_target_name,
};

/// The most bytes of a volume's name and the portal of its iSCSI target together.
const MAX_ISCSI_NAME: usize = 64;

/// Checks the first source there is; every further one is one too many.
pub(super) fn check(errors: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec, name: &str) {
    let mut one = Sources {
        errors,
        path,
        found: false,
    };
    early(&mut one, spec);
    let iscsi = |errors: &mut _, path: &_, it: &_| check_iscsi(errors, path, it, name);
    one.source("iscsi", &spec.iscsi, iscsi);
    one.source("cinder", &spec.cinder, check_cinder);
    one.source("fc", &spec.fc, check_fibre_channel);
    if let Some(flex) = &spec.flex_volume {
        // The one source that Kubernetes lets stand beside others.
        one.found = true;
        let path = path.child("flexVolume");
        required(one.errors, &path.child("driver"), &flex.driver);
        check_flex_options(one.errors, &path, &flex.options);
    }
    late(&mut one, spec);
    if !one.found {
        errors.push(Error::required(path, "must specify a volume type"));
    }
}

struct Sources<'a> {
    errors: &'a mut ErrorList,
    path: &'a Path,
    found: bool,
}

impl Sources<'_> {
    fn source<T>(
        &mut self,
        name: &str,
        source: &Option<T>,
        check: impl FnOnce(&mut ErrorList, &Path, &T),
    ) {
        self.named(name, name, source, check);
    }

    /// A source that has another name when it is one too many.
    fn named<T>(
        &mut self,
        name: &str,
        one_too_many: &str,
        source: &Option<T>,
        check: impl FnOnce(&mut ErrorList, &Path, &T),
    ) {
        let Some(source) = source else { return };
        if self.found {
            let path = self.path.child(one_too_many);
            let detail = "may not specify more than 1 volume type";
            self.errors.push(Error::forbidden(&path, detail));
        } else {
            self.found = true;
            check(self.errors, &self.path.child(name), source);
        }
    }
}

fn early(one: &mut Sources<'_>, spec: &PersistentVolumeSpec) {
    one.source("hostPath", &spec.host_path, check_host_path);
    let disk = &spec.gce_persistent_disk;
    one.named(
        "persistentDisk",
        "gcePersistentDisk",
        disk,
        |errors, path, it| {
            required(errors, &path.child("pdName"), &it.pd_name);
            check_partition(errors, path, it.partition);
        },
    );
    let store = &spec.aws_elastic_block_store;
    one.source("awsElasticBlockStore", store, |errors, path, it| {
        required(errors, &path.child("volumeID"), &it.volume_id);
        check_partition(errors, path, it.partition);
    });
    one.source("glusterfs", &spec.glusterfs, check_glusterfs);
    one.source("flocker", &spec.flocker, check_flocker);
    one.source("nfs", &spec.nfs, check_nfs);
    one.source("rbd", &spec.rbd, |errors, path, it| {
        if it.monitors.is_empty() {
            errors.push(Error::required(&path.child("monitors"), ""));
        }
        required(errors, &path.child("image"), &it.image);
    });
    one.source("quobyte", &spec.quobyte, check_quobyte);
    one.named("cephfs", "cephFS", &spec.cephfs, |errors, path, it| {
        if it.monitors.is_empty() {
            errors.push(Error::required(&path.child("monitors"), ""));
        }
    });
}

fn late(one: &mut Sources<'_>, spec: &PersistentVolumeSpec) {
    one.source("azureFile", &spec.azure_file, |errors, path, it| {
        required(errors, &path.child("secretName"), &it.secret_name);
        required(errors, &path.child("shareName"), &it.share_name);
        if let Some(namespace) = &it.secret_namespace {
            required(errors, &path.child("secretNamespace"), namespace);
        }
    });
    let vsphere = &spec.vsphere_volume;
    one.source("vsphereVolume", vsphere, |errors, path, it| {
        required(errors, &path.child("volumePath"), &it.volume_path);
    });
    let photon = &spec.photon_persistent_disk;
    one.source("photonPersistentDisk", photon, |errors, path, it| {
        required(errors, &path.child("pdID"), &it.pd_id);
    });
    let portworx = &spec.portworx_volume;
    one.source("portworxVolume", portworx, |errors, path, it| {
        required(errors, &path.child("volumeID"), &it.volume_id);
    });
    one.source("azureDisk", &spec.azure_disk, check_azure_disk);
    one.source("scaleIO", &spec.scale_io, |errors, path, it| {
        required(errors, &path.child("gateway"), &it.gateway);
        required(errors, &path.child("system"), &it.system);
        required(errors, &path.child("volumeName"), text(&it.volume_name));
    });
    let volume = one.path.clone();
    one.source("local", &spec.local, |errors, path, it| {
        check_local(errors, path, it);
        if spec.node_affinity.is_none() {
            let detail = "Local volume requires node affinity";
            errors.push(Error::required(&volume.child("nodeAffinity"), detail));
        }
    });
    one.source("storageos", &spec.storageos, check_storage_os);
    one.source("csi", &spec.csi, check_csi);
}

fn check_glusterfs(errors: &mut ErrorList, path: &Path, it: &GlusterfsPersistentVolumeSource) {
    required(errors, &path.child("endpoints"), &it.endpoints);
    required(errors, &path.child("path"), &it.path);
    let path = path.child("endpointsNamespace");
    match it.endpoints_namespace.as_deref() {
        None => {}
        Some("") => errors.push(Error::invalid(
            &path,
            "",
            "if the endpointnamespace is set, it must be a valid namespace name",
        )),
        Some(namespace) => label(errors, &path, namespace),
    }
}

fn check_iscsi(errors: &mut ErrorList, path: &Path, it: &ISCSIPersistentVolumeSource, name: &str) {
    required(errors, &path.child("targetPortal"), &it.target_portal);
    if it.initiator_name.is_some() && name.len() + 1 + it.target_portal.len() > MAX_ISCSI_NAME {
        let detail = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        errors.push(Error::invalid(
            &path.child("targetportal"),
            &it.target_portal,
            detail,
        ));
    }
    match it.iqn.as_str() {
        "" => errors.push(Error::required(&path.child("iqn"), "")),
        iqn => check_target_name(errors, &path.child("iqn"), iqn),
    }
    if !(0..=255).contains(&it.lun) {
        let detail = inclusive_range_error(0, 255);
        errors.push(Error::invalid(&path.child("lun"), it.lun, detail));
    }
    let secret = path.child("secretRef");
    match &it.secret_ref {
        Some(it) => required(errors, &secret.child("name"), text(&it.name)),
        None if flag(it.chap_auth_discovery) || flag(it.chap_auth_session) => {
            errors.push(Error::required(&secret, ""));
        }
        None => {}
    }
    if let Some(initiator) = &it.initiator_name {
        check_target_name(errors, &path.child("initiatorname"), initiator);
    }
}

fn check_cinder(errors: &mut ErrorList, path: &Path, it: &CinderPersistentVolumeSource) {
    required(errors, &path.child("volumeID"), &it.volume_id);
    if let Some(secret) = &it.secret_ref {
        let path = path.child("secretRef");
        required(errors, &path.child("name"), text(&secret.name));
        required(errors, &path.child("namespace"), text(&secret.namespace));
    }
}

fn check_local(errors: &mut ErrorList, path: &Path, it: &LocalVolumeSource) {
    let path = path.child("path");
    required(errors, &path, &it.path);
    no_backsteps(errors, &path, &it.path);
}

fn check_storage_os(errors: &mut ErrorList, path: &Path, it: &StorageOSPersistentVolumeSource) {
    match text(&it.volume_name) {
        "" => errors.push(Error::required(&path.child("volumeName"), "")),
        name => label(errors, &path.child("volumeName"), name),
    }
    let namespace = text(&it.volume_namespace);
    if !namespace.is_empty() {
        label(errors, &path.child("volumeNamespace"), namespace);
    }
    if let Some(secret) = &it.secret_ref {
        let path = path.child("secretRef");
        required(errors, &path.child("name"), text(&secret.name));
        required(errors, &path.child("namespace"), text(&secret.namespace));
    }
}

/// The secret of staging is not looked at.
fn check_csi(errors: &mut ErrorList, path: &Path, it: &CSIPersistentVolumeSource) {
    check_driver_name(errors, &path.child("driver"), &it.driver);
    required(errors, &path.child("volumeHandle"), &it.volume_handle);
    let secrets = [
        (
            "controllerPublishSecretRef",
            &it.controller_publish_secret_ref,
        ),
        (
            "controllerExpandSecretRef",
            &it.controller_expand_secret_ref,
        ),
        ("nodePublishSecretRef", &it.node_publish_secret_ref),
        ("nodeExpandSecretRef", &it.node_expand_secret_ref),
    ];
    for (name, secret) in secrets {
        if let Some(secret) = secret {
            check_secret(errors, &path.child(name), secret);
        }
    }
}

fn check_secret(errors: &mut ErrorList, path: &Path, secret: &SecretReference) {
    match text(&secret.name) {
        "" => errors.push(Error::required(&path.child("name"), "")),
        name => subdomain(errors, &path.child("name"), name),
    }
    match text(&secret.namespace) {
        "" => errors.push(Error::required(&path.child("namespace"), "")),
        namespace => label(errors, &path.child("namespace"), namespace),
    }
}
