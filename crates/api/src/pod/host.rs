//! What a pod shares with its host, or among its containers.

use k8s_openapi::api::core::v1::PodSpec;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::{flag, items};
use super::check;
use super::context::containers;

/// The longest name that Linux takes for a host.
const MAX_HOSTNAME: usize = 64;

/// A pod with users of its own has the other namespaces of its own too.
pub(super) fn check_users(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    if spec.host_users != Some(false) {
        return;
    }
    for (name, shared) in [
        ("hostNetwork", spec.host_network),
        ("HostPID", spec.host_pid),
        ("HostIPC", spec.host_ipc),
    ] {
        if flag(shared) {
            errors.push(Error::forbidden(
                &path.child(name),
                "when `hostUsers` is false",
            ));
        }
    }
    for (path, container) in containers(spec, path) {
        if !items(&container.volume_devices).is_empty() {
            errors.push(Error::forbidden(
                &path.child("volumeDevices"),
                "when `hostUsers` is false",
            ));
        }
    }
}

/// A hostname that replaces the one made of the pod's name.
pub(super) fn check_name_override(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let Some(name) = &spec.hostname_override else {
        return;
    };
    let path = path.child("hostnameOverride");
    if flag(spec.set_hostname_as_fqdn) {
        errors.push(Error::forbidden(
            &path,
            "may not be specified when setHostnameAsFQDN is true",
        ));
    }
    if flag(spec.host_network) {
        errors.push(Error::forbidden(
            &path,
            "may not be specified when hostNetwork is true",
        ));
    }
    if name.len() > MAX_HOSTNAME {
        errors.push(Error::too_long(&path, MAX_HOSTNAME));
    }
    check::subdomain(errors, &path, name);
}

/// Files with variables lie in an `emptyDir`.
pub(super) fn check_env_files(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    for (path, container) in containers(spec, path) {
        for (index, variable) in items(&container.env).iter().enumerate() {
            let Some(file) = variable
                .value_from
                .as_ref()
                .and_then(|source| source.file_key_ref.as_ref())
            else {
                continue;
            };
            let path = path
                .child("env")
                .index(index)
                .child("valueFrom")
                .child("fileKeyRef")
                .child("volumeName");
            match items(&spec.volumes)
                .iter()
                .rfind(|volume| volume.name == file.volume_name)
            {
                None => errors.push(Error::not_found(&path, &file.volume_name)),
                Some(volume) if volume.empty_dir.is_none() => {
                    errors.push(Error::invalid(
                        &path,
                        &file.volume_name,
                        "referenced volume must be of type emptyDir",
                    ));
                }
                Some(_) => {}
            }
        }
    }
}
