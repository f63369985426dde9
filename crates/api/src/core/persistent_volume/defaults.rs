//! What a volume leaves out.

use k8s_openapi::api::core::v1::PersistentVolumeSpec;

use super::omit::omit_spec;
use crate::pod::absent::default_text;
use crate::pod::amount;

/// Fills in what the source of a volume leaves out, and takes out what is empty.
pub(crate) fn default_source(spec: &mut PersistentVolumeSpec) {
    omit_spec(spec);
    amount::round_list(&mut spec.capacity);
    if let Some(host_path) = &mut spec.host_path {
        host_path.type_.get_or_insert_default();
    }
    if let Some(rbd) = &mut spec.rbd {
        default_text(&mut rbd.pool, "rbd");
        default_text(&mut rbd.user, "admin");
        default_text(&mut rbd.keyring, "/etc/ceph/keyring");
    }
    if let Some(iscsi) = &mut spec.iscsi {
        default_text(&mut iscsi.iscsi_interface, "default");
    }
    if let Some(disk) = &mut spec.azure_disk {
        disk.caching_mode.get_or_insert_with(|| "ReadWrite".into());
        disk.fs_type.get_or_insert_with(|| "ext4".into());
        disk.kind.get_or_insert_with(|| "Shared".into());
        disk.read_only.get_or_insert(false);
    }
    if let Some(scale_io) = &mut spec.scale_io {
        default_text(&mut scale_io.storage_mode, "ThinProvisioned");
        default_text(&mut scale_io.fs_type, "xfs");
    }
}
