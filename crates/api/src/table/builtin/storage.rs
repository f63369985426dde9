//! `storage.k8s.io`.

use k8s_openapi::api::storage::v1::{
    CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment, VolumeAttributesClass,
};

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<CSIDriver>(),
        Row::of::<CSINode>(),
        Row::of::<CSIStorageCapacity>(),
        Row::of::<StorageClass>().short("sc"),
        Row::of::<VolumeAttachment>().status(),
        Row::of::<VolumeAttributesClass>().short("vac"),
    ]
}
