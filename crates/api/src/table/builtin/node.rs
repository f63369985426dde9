//! `node.k8s.io`.

use k8s_openapi::api::node::v1::RuntimeClass;

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![Row::of::<RuntimeClass>()]
}
