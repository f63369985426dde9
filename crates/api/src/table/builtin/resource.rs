//! `resource.k8s.io`.

use k8s_openapi::api::resource::v1::{
    DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice,
};

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<DeviceClass>().returns_deleted(),
        Row::of::<ResourceClaim>().returns_deleted().status(),
        Row::of::<ResourceClaimTemplate>().returns_deleted(),
        Row::of::<ResourceSlice>().returns_deleted().unknown_field(
            "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {}",
        ),
    ]
}
