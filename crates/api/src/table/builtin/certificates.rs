//! `certificates.k8s.io`.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<CertificateSigningRequest>()
            .short("csr")
            .approval()
            .status(),
    ]
}
