//! `apps`.

use k8s_openapi::api::apps::v1::{
    ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet,
};

use crate::apps::TEMPLATE_GENERATION;
use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<ControllerRevision>(),
        Row::of::<DaemonSet>()
            .short("ds")
            .category("all")
            .status()
            .carrying(&[TEMPLATE_GENERATION]),
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
        Row::of::<StatefulSet>()
            .short("sts")
            .category("all")
            .scale()
            .status(),
    ]
}
