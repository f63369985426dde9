//! `storage.k8s.io`.

use k8s_openapi::api::storage::v1::{
    CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment, VolumeAttributesClass,
};

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<CSIDriver>().returns_deleted(),
        Row::of::<CSINode>().returns_deleted(),
        Row::of::<CSIStorageCapacity>(),
        Row::of::<StorageClass>().returns_deleted().short("sc"),
        Row::of::<VolumeAttachment>().returns_deleted().status(),
        Row::of::<VolumeAttributesClass>()
            .returns_deleted()
            .short("vac"),
    ]
}
