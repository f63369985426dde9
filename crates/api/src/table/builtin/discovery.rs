//! `discovery.k8s.io`.

use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![Row::of::<EndpointSlice>()]
}
