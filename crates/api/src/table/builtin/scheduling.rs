//! `scheduling.k8s.io`.

use k8s_openapi::api::scheduling::v1::PriorityClass;

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![Row::of::<PriorityClass>().short("pc")]
}
