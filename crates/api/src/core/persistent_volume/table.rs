//! The row of a volume.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolume;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::CLASS;
use crate::cell;
use crate::def::Column;
use crate::pod::absent::{items, text};
use crate::pod::amount;

pub(super) const COLUMNS: &[Column] = &[
    cell::NAME,
    Column::of(
        "Capacity",
        "string",
        "",
        0,
        "capacity is the description of the persistent volume's resources and capacity. More info: \
            https://kubernetes.io/docs/concepts/storage/persistent-volumes#capacity",
    ),
    Column::of(
        "Access Modes",
        "string",
        "",
        0,
        "accessModes contains all ways the volume can be mounted. More info: \
            https://kubernetes.io/docs/concepts/storage/persistent-volumes#access-modes",
    ),
    Column::of(
        "Reclaim Policy",
        "string",
        "",
        0,
        "persistentVolumeReclaimPolicy defines what happens to a persistent volume when released from its claim. Valid \
            options are Retain (default for manually created PersistentVolumes), Delete (default for dynamically provisioned \
            PersistentVolumes), and Recycle (deprecated). Recycle must be supported by the volume plugin underlying this \
            PersistentVolume. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#reclaiming",
    ),
    Column::of(
        "Status",
        "string",
        "",
        0,
        "phase indicates if a volume is available, bound to a claim, or released by a claim. More info: \
            https://kubernetes.io/docs/concepts/storage/persistent-volumes#phase",
    ),
    Column::of(
        "Claim",
        "string",
        "",
        0,
        "claimRef is part of a bi-directional binding between PersistentVolume and PersistentVolumeClaim. Expected to be \
            non-nil when bound. claim.VolumeName is the authoritative bind between PV and PVC. More info: \
            https://kubernetes.io/docs/concepts/storage/persistent-volumes#binding",
    ),
    Column::of("StorageClass", "string", "", 0, "StorageClass of the pv"),
    Column::of(
        "VolumeAttributesClass",
        "string",
        "",
        0,
        "VolumeAttributesClass of the pv",
    ),
    Column::of(
        "Reason",
        "string",
        "",
        0,
        "reason is a brief CamelCase string that describes any failure and is meant for machine parsing and tidy display in \
            the CLI.",
    ),
    cell::AGE,
    Column::of(
        "VolumeMode",
        "string",
        "",
        1,
        "volumeMode defines if a volume is intended to be used with a formatted filesystem or to remain in raw block state. \
            Value of Filesystem is implied when not included in spec.",
    ),
];

pub(super) fn cells(volume: &PersistentVolume, now: Timestamp) -> Vec<Value> {
    let spec = volume.spec.clone().unwrap_or_default();
    let status = volume.status.clone().unwrap_or_default();
    let claim = spec.claim_ref.as_ref().map(|claim| {
        let (namespace, name) = (text(&claim.namespace), text(&claim.name));
        format!("{namespace}/{name}")
    });
    let size = spec.capacity.as_ref().and_then(|all| all.get("storage"));
    let phase = match volume.metadata.deletion_timestamp {
        Some(_) => "Terminating",
        None => text(&status.phase),
    };
    vec![
        cell::name(&volume.metadata),
        size.map_or("0".to_owned(), amount::shown).into(),
        modes(items(&spec.access_modes)).into(),
        text(&spec.persistent_volume_reclaim_policy).into(),
        phase.into(),
        claim.unwrap_or_default().into(),
        class(&volume.metadata, &spec.storage_class_name).into(),
        or_unset(&spec.volume_attributes_class_name).into(),
        text(&status.reason).into(),
        cell::age(&volume.metadata, now),
        or_unset(&spec.volume_mode).into(),
    ]
}

/// Ways to mount a volume, in a fixed order and each once: `RWO,RWX`.
pub(crate) fn modes(modes: &[String]) -> String {
    const SHORT: &[(&str, &str)] = &[
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let known = SHORT
        .iter()
        .filter(|(long, _)| modes.iter().any(|mode| mode == long));
    known.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

/// The class that an object names; the annotation wins over the field.
pub fn class(meta: &ObjectMeta, class: &Option<String>) -> String {
    let annotation = meta.annotations.as_ref().and_then(|all| all.get(CLASS));
    annotation.or(class.as_ref()).cloned().unwrap_or_default()
}

pub(crate) fn or_unset(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("<unset>")
}
