//! The row of a claim.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::Value;

use crate::cell;
use crate::core::persistent_volume::{class, modes, or_unset};
use crate::def::Column;
use crate::pod::absent::{items, text};
use crate::pod::amount;

pub(super) const COLUMNS: &[Column] = &[
    cell::NAME,
    Column::of(
        "Status",
        "string",
        "",
        0,
        "phase represents the current phase of PersistentVolumeClaim.",
    ),
    Column::of(
        "Volume",
        "string",
        "",
        0,
        "volumeName is the binding reference to the PersistentVolume backing this claim.",
    ),
    Column::of(
        "Capacity",
        "string",
        "",
        0,
        "capacity represents the actual resources of the underlying volume.",
    ),
    Column::of(
        "Access Modes",
        "string",
        "",
        0,
        "accessModes contains the actual access modes the volume backing the PVC has. More info: \
            https://kubernetes.io/docs/concepts/storage/persistent-volumes#access-modes-1",
    ),
    Column::of("StorageClass", "string", "", 0, "StorageClass of the pvc"),
    Column::of(
        "VolumeAttributesClass",
        "string",
        "",
        0,
        "VolumeAttributesClass of the pvc",
    ),
    cell::AGE,
    Column::of(
        "VolumeMode",
        "string",
        "",
        1,
        "volumeMode defines what type of volume is required by the claim. Value of Filesystem is implied when not included \
            in claim spec.",
    ),
];

pub(super) fn cells(claim: &PersistentVolumeClaim, now: Timestamp) -> Vec<Value> {
    let spec = claim.spec.clone().unwrap_or_default();
    let status = claim.status.clone().unwrap_or_default();
    let phase = match claim.metadata.deletion_timestamp {
        Some(_) => "Terminating",
        None => text(&status.phase),
    };
    // What it has is told once there is a volume that it has it of.
    let volume = text(&spec.volume_name);
    let size = status.capacity.as_ref().and_then(|all| all.get("storage"));
    let (capacity, modes) = if volume.is_empty() {
        Default::default()
    } else {
        let size = size.map_or("0".to_owned(), amount::shown);
        (size, modes(items(&status.access_modes)))
    };
    vec![
        cell::name(&claim.metadata),
        phase.into(),
        volume.into(),
        capacity.into(),
        modes.into(),
        class(&claim.metadata, &spec.storage_class_name).into(),
        or_unset(&spec.volume_attributes_class_name).into(),
        cell::age(&claim.metadata, now),
        or_unset(&spec.volume_mode).into(),
    ]
}
