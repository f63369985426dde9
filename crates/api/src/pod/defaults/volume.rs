//! What a volume leaves out.

use k8s_openapi::api::core::v1::{
    EphemeralVolumeSource, PersistentVolumeClaimSpec, ProjectedVolumeSource, Volume,
};

use super::super::absent::{default_text, items_mut, text};
use super::super::amount;
use super::super::image::pull_policy;
use super::container::{default_field_ref, default_resource_field_ref};

/// The mode of files in volumes made of API objects: 0644.
const FILE_MODE: i32 = 0o644;
/// The life of a projected service account token, in seconds.
const TOKEN_EXPIRATION: i64 = 3600;

pub(super) fn default_volume(volume: &mut Volume) {
    if *volume
        == (Volume {
            name: volume.name.clone(),
            ..Default::default()
        })
    {
        volume.empty_dir = Some(Default::default());
    }
    default_object_volumes(volume);
    default_block_volumes(volume);
    volume.ephemeral.iter_mut().for_each(default_ephemeral);
    if let Some(size) = volume
        .empty_dir
        .as_mut()
        .and_then(|dir| dir.size_limit.as_mut())
    {
        amount::canonicalize(size);
    }
    if let Some(host_path) = &mut volume.host_path {
        host_path.type_.get_or_insert_default();
    }
    if let Some(image) = &mut volume.image {
        default_text(&mut image.pull_policy, pull_policy(text(&image.reference)));
    }
}

/// Volumes whose files come from API objects.
fn default_object_volumes(volume: &mut Volume) {
    if let Some(secret) = &mut volume.secret {
        secret.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(config_map) = &mut volume.config_map {
        config_map.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(downward) = &mut volume.downward_api {
        downward.default_mode.get_or_insert(FILE_MODE);
        for file in items_mut(&mut downward.items) {
            file.field_ref.iter_mut().for_each(default_field_ref);
            file.resource_field_ref
                .iter_mut()
                .for_each(default_resource_field_ref);
        }
    }
    volume.projected.iter_mut().for_each(default_projected);
}

fn default_projected(projected: &mut ProjectedVolumeSource) {
    projected.default_mode.get_or_insert(FILE_MODE);
    for source in items_mut(&mut projected.sources) {
        if let Some(token) = &mut source.service_account_token {
            token.expiration_seconds.get_or_insert(TOKEN_EXPIRATION);
        }
        for file in source
            .downward_api
            .iter_mut()
            .flat_map(|downward| items_mut(&mut downward.items))
        {
            file.field_ref.iter_mut().for_each(default_field_ref);
            file.resource_field_ref
                .iter_mut()
                .for_each(default_resource_field_ref);
        }
    }
}

/// Volumes of remote disks.
fn default_block_volumes(volume: &mut Volume) {
    if let Some(iscsi) = &mut volume.iscsi {
        default_text(&mut iscsi.iscsi_interface, "default");
    }
    if let Some(rbd) = &mut volume.rbd {
        default_text(&mut rbd.pool, "rbd");
        default_text(&mut rbd.user, "admin");
        default_text(&mut rbd.keyring, "/etc/ceph/keyring");
    }
    if let Some(disk) = &mut volume.azure_disk {
        disk.caching_mode.get_or_insert_with(|| "ReadWrite".into());
        disk.fs_type.get_or_insert_with(|| "ext4".into());
        disk.kind.get_or_insert_with(|| "Shared".into());
        disk.read_only.get_or_insert(false);
    }
    if let Some(scale_io) = &mut volume.scale_io {
        default_text(&mut scale_io.storage_mode, "ThinProvisioned");
        default_text(&mut scale_io.fs_type, "xfs");
    }
}

fn default_ephemeral(ephemeral: &mut EphemeralVolumeSource) {
    let Some(template) = &mut ephemeral.volume_claim_template else {
        return;
    };
    template.metadata.get_or_insert_default();
    default_claim_spec(&mut template.spec);
}

/// Fills in what a claim leaves out.
pub fn default_claim_spec(spec: &mut PersistentVolumeClaimSpec) {
    spec.volume_mode.get_or_insert_with(|| "Filesystem".into());
    let resources = spec.resources.get_or_insert_default();
    amount::round_list(&mut resources.limits);
    amount::round_list(&mut resources.requests);
}
