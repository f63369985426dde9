//! `batch`.

use k8s_openapi::api::batch::v1::{CronJob, Job};

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<CronJob>().short("cj").category("all").status(),
        Row::of::<Job>()
            .category("all")
            .unknown_field("field label \"{}\" not supported for Job")
            .status(),
    ]
}
