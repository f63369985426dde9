//! `resource.k8s.io`.

use k8s_openapi::api::resource::v1::{
    DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice,
};

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<DeviceClass>(),
        Row::of::<ResourceClaim>().status(),
        Row::of::<ResourceClaimTemplate>(),
        Row::of::<ResourceSlice>(),
    ]
}
