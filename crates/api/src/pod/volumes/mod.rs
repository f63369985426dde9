//! Volumes of pods.

mod claim;
mod iscsi;
mod network;
mod objects;
mod projected;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Volume;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::check;

pub(crate) use claim::{
    check_modes as check_access_modes, check_spec as check_claim_spec, check_template_metadata,
};

/// Checks of sources that pods and persistent volumes have in common.
pub(crate) mod sources {
    pub(crate) use super::iscsi::check_target_name;
    pub(crate) use super::network::{
        check_azure_disk, check_driver_name, check_fibre_channel, check_flex_options,
        check_flocker, check_nfs, check_partition, check_quobyte,
    };
    pub(crate) use super::source::check_host_path;
}

/// Checks volumes; answers those that are in order, by name. `pod`: the name of the pod, if it is one and has one.
pub(super) fn check<'a>(
    errors: &mut ErrorList,
    list: &Path,
    volumes: &'a [Volume],
    pod: Option<&str>,
    is_pod: bool,
) -> BTreeMap<&'a str, &'a Volume> {
    let made: BTreeSet<String> = match pod {
        Some(pod) => volumes
            .iter()
            .filter(|volume| volume.ephemeral.is_some())
            .map(|volume| format!("{pod}-{}", volume.name))
            .collect(),
        None => BTreeSet::new(),
    };
    let mut sound = BTreeMap::new();
    for (index, volume) in volumes.iter().enumerate() {
        let path = list.index(index);
        let before = errors.len();
        source::check(errors, &path, volume, pod, is_pod);
        if volume.name.is_empty() {
            errors.push(Error::required(&path.child("name"), ""));
        } else {
            check::label(errors, &path.child("name"), &volume.name);
        }
        if sound.contains_key(volume.name.as_str()) {
            errors.push(Error::duplicate(&path.child("name"), &volume.name));
        }
        if errors.len() == before {
            sound.insert(volume.name.as_str(), volume);
        }
        if let Some(claim) = volume
            .persistent_volume_claim
            .as_ref()
            .filter(|claim| made.contains(&claim.claim_name))
        {
            let path = path.child("persistentVolumeClaim").child("claimName");
            let detail = "must not reference a PVC that gets created for an ephemeral volume";
            errors.push(Error::invalid(&path, &claim.claim_name, detail));
        }
    }
    sound
}
