//! `flowcontrol.apiserver.k8s.io`.

use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};

use crate::def::Special;
use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<FlowSchema>()
            .special(Special::FlowSchema)
            .status(),
        Row::of::<PriorityLevelConfiguration>().status(),
    ]
}
