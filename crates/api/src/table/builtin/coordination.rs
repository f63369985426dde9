//! `coordination.k8s.io`.

use k8s_openapi::api::coordination::v1::Lease;

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![Row::of::<Lease>()]
}
