//! `policy`.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![Row::of::<PodDisruptionBudget>().short("pdb").status()]
}
