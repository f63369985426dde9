//! `apps`.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<Deployment>()
            .short("deploy")
            .category("all")
            .scale()
            .status(),
        Row::of::<ReplicaSet>()
            .short("rs")
            .category("all")
            .scale()
            .status(),
    ]
}
