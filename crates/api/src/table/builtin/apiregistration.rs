//! `apiregistration.k8s.io`.

use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<APIService>()
            .category("api-extensions")
            .directory("apiregistration.k8s.io/apiservices")
            .status(),
    ]
}
