//! `admissionregistration.k8s.io`.

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    Vec::new()
}
