//! `autoscaling`.

use k8s_openapi::api::autoscaling::v1::HorizontalPodAutoscaler as V1;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler as V2;

use crate::autoscaling::CARRYING;
use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<V2>().short("hpa").category("all").status(),
        Row::of::<V1>()
            .short("hpa")
            .category("all")
            .status()
            .stored_as::<V2>()
            .carrying(CARRYING),
    ]
}
