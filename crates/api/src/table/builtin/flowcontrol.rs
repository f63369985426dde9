//! `flowcontrol.apiserver.k8s.io`.

use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<FlowSchema>().status(),
        Row::of::<PriorityLevelConfiguration>().status(),
    ]
}
