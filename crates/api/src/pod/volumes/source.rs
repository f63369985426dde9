//! Where the files of a volume come from: of all sources just one.

use k8s_openapi::api::core::v1::{HostPathVolumeSource, Volume};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::absent::text;
use super::super::container::check_pull_policy;
use super::super::{amount, check};
use super::{claim, iscsi, network, objects, projected};

/// A source: the name it has when it is one too many, whether it is there, and how it is checked.
type Source<'a> = (
    &'static str,
    bool,
    Box<dyn FnOnce(&mut ErrorList, &Path) + 'a>,
);

fn source<'a, T>(
    name: &'static str,
    value: &'a Option<T>,
    check: impl FnOnce(&mut ErrorList, &Path, &'a T) + 'a,
) -> Source<'a> {
    let run = move |errors: &mut ErrorList, path: &Path| {
        if let Some(value) = value {
            check(errors, path, value);
        }
    };
    (name, value.is_some(), Box::new(run))
}

/// A check that is about what is under the volume, by this name.
fn under<T>(
    name: &'static str,
    check: fn(&mut ErrorList, &Path, &T),
) -> impl FnOnce(&mut ErrorList, &Path, &T) {
    move |errors, path, value| check(errors, &path.child(name), value)
}

/// Checks the first source there is; every further one is one too many.
pub(super) fn check(
    errors: &mut ErrorList,
    path: &Path,
    volume: &Volume,
    pod: Option<&str>,
    is_pod: bool,
) {
    if volume
        .empty_dir
        .as_ref()
        .and_then(|dir| dir.size_limit.as_ref())
        .is_some_and(amount::is_negative)
    {
        let path = path.child("emptyDir").child("sizeLimit");
        errors.push(Error::forbidden(
            &path,
            "SizeLimit field must be a valid resource quantity",
        ));
    }
    let mut found = volume.empty_dir.is_some();
    for (name, present, check) in sources(volume, pod, is_pod)
        .into_iter()
        .filter(|(_, present, _)| *present)
    {
        if found {
            errors.push(Error::forbidden(
                &path.child(name),
                "may not specify more than 1 volume type",
            ));
        } else {
            check(errors, path);
        }
        if name == "iscsi" {
            iscsi::check_name_length(errors, path, volume);
        }
        found |= present;
    }
    if !found {
        errors.push(Error::required(path, "must specify a volume type"));
    }
}

/// All sources but `emptyDir`, in the order in which they are looked for.
fn sources<'a>(volume: &'a Volume, pod: Option<&'a str>, is_pod: bool) -> Vec<Source<'a>> {
    let mut sources = local_sources(volume);
    sources.extend(remote_sources(volume));
    sources.extend(late_sources(volume, pod, is_pod));
    sources
}

fn local_sources(volume: &Volume) -> Vec<Source<'_>> {
    vec![
        source(
            "hostPath",
            &volume.host_path,
            under("hostPath", check_host_path),
        ),
        source("gitRepo", &volume.git_repo, |errors, path, it| {
            check::required(
                errors,
                &path.child("gitRepo").child("repository"),
                &it.repository,
            );
            check::descending_path(
                errors,
                &path.child("gitRepo").child("directory"),
                text(&it.directory),
            );
        }),
        source(
            "gcePersistentDisk",
            &volume.gce_persistent_disk,
            |errors, path, it| {
                let path = path.child("persistentDisk");
                check::required(errors, &path.child("pdName"), &it.pd_name);
                network::check_partition(errors, &path, it.partition);
            },
        ),
        source(
            "awsElasticBlockStore",
            &volume.aws_elastic_block_store,
            |errors, path, it| {
                let path = path.child("awsElasticBlockStore");
                check::required(errors, &path.child("volumeID"), &it.volume_id);
                network::check_partition(errors, &path, it.partition);
            },
        ),
        source(
            "secret",
            &volume.secret,
            under("secret", objects::check_secret),
        ),
    ]
}

fn remote_sources(volume: &Volume) -> Vec<Source<'_>> {
    vec![
        source("nfs", &volume.nfs, under("nfs", network::check_nfs)),
        source("iscsi", &volume.iscsi, under("iscsi", iscsi::check)),
        source("glusterfs", &volume.glusterfs, |errors, path, it| {
            check::required(
                errors,
                &path.child("glusterfs").child("endpoints"),
                &it.endpoints,
            );
            check::required(errors, &path.child("glusterfs").child("path"), &it.path);
        }),
        source(
            "flocker",
            &volume.flocker,
            under("flocker", network::check_flocker),
        ),
        source(
            "persistentVolumeClaim",
            &volume.persistent_volume_claim,
            |errors, path, it| {
                check::required(
                    errors,
                    &path.child("persistentVolumeClaim").child("claimName"),
                    &it.claim_name,
                );
            },
        ),
        source("rbd", &volume.rbd, under("rbd", network::check_rbd)),
        source("cinder", &volume.cinder, |errors, path, it| {
            let path = path.child("cinder");
            check::required(errors, &path.child("volumeID"), &it.volume_id);
            network::check_secret_ref(errors, &path, it.secret_ref.as_ref());
        }),
        source("cephFS", &volume.cephfs, |errors, path, it| {
            if it.monitors.is_empty() {
                errors.push(Error::required(&path.child("cephfs").child("monitors"), ""));
            }
        }),
        source(
            "quobyte",
            &volume.quobyte,
            under("quobyte", network::check_quobyte),
        ),
        source(
            "downwarAPI",
            &volume.downward_api,
            under("downwardAPI", objects::check_downward),
        ),
        source("fc", &volume.fc, under("fc", network::check_fibre_channel)),
        source(
            "flexVolume",
            &volume.flex_volume,
            under("flexVolume", network::check_flex),
        ),
        source(
            "configMap",
            &volume.config_map,
            under("configMap", objects::check_config_map),
        ),
    ]
}

fn late_sources<'a>(volume: &'a Volume, pod: Option<&'a str>, is_pod: bool) -> Vec<Source<'a>> {
    vec![
        source("azureFile", &volume.azure_file, |errors, path, it| {
            check::required(
                errors,
                &path.child("azureFile").child("secretName"),
                &it.secret_name,
            );
            check::required(
                errors,
                &path.child("azureFile").child("shareName"),
                &it.share_name,
            );
        }),
        source(
            "vsphereVolume",
            &volume.vsphere_volume,
            |errors, path, it| {
                check::required(
                    errors,
                    &path.child("vsphereVolume").child("volumePath"),
                    &it.volume_path,
                );
            },
        ),
        source(
            "photonPersistentDisk",
            &volume.photon_persistent_disk,
            |errors, path, it| {
                check::required(
                    errors,
                    &path.child("photonPersistentDisk").child("pdID"),
                    &it.pd_id,
                );
            },
        ),
        source(
            "portworxVolume",
            &volume.portworx_volume,
            |errors, path, it| {
                check::required(
                    errors,
                    &path.child("portworxVolume").child("volumeID"),
                    &it.volume_id,
                );
            },
        ),
        source(
            "azureDisk",
            &volume.azure_disk,
            under("azureDisk", network::check_azure_disk),
        ),
        source(
            "storageos",
            &volume.storageos,
            under("storageos", network::check_storage_os),
        ),
        source(
            "projected",
            &volume.projected,
            under("projected", projected::check),
        ),
        source("scaleIO", &volume.scale_io, |errors, path, it| {
            let path = path.child("scaleIO");
            check::required(errors, &path.child("gateway"), &it.gateway);
            check::required(errors, &path.child("system"), &it.system);
            check::required(errors, &path.child("volumeName"), text(&it.volume_name));
        }),
        source("csi", &volume.csi, under("csi", network::check_csi)),
        source("ephemeral", &volume.ephemeral, move |errors, path, it| {
            claim::check(errors, path, it, &volume.name, pod);
        }),
        source("image", &volume.image, move |errors, path, it| {
            let path = path.child("image");
            if is_pod {
                check::required(errors, &path.child("reference"), text(&it.reference));
            }
            check_pull_policy(errors, &path.child("pullPolicy"), text(&it.pull_policy));
        }),
    ]
}

pub(crate) fn check_host_path(errors: &mut ErrorList, path: &Path, it: &HostPathVolumeSource) {
    if it.path.is_empty() {
        errors.push(Error::required(&path.child("path"), ""));
        return;
    }
    check::no_backsteps(errors, &path.child("path"), &it.path);
    if let Some(kind) = &it.type_ {
        let kinds = [
            "",
            "BlockDevice",
            "CharDevice",
            "Directory",
            "DirectoryOrCreate",
            "File",
            "FileOrCreate",
            "Socket",
        ];
        check::supported_value(errors, &path.child("type"), kind, &kinds);
    }
}
