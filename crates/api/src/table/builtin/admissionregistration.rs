//! `admissionregistration.k8s.io`.

use k8s_openapi::api::admissionregistration::v1::{
    MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, MutatingWebhookConfiguration,
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
};

use crate::table::row::Row;

const CATEGORY: &str = "api-extensions";

pub(super) fn rows() -> Vec<Row> {
    let rows = [
        Row::of::<MutatingAdmissionPolicy>(),
        Row::of::<MutatingAdmissionPolicyBinding>(),
        Row::of::<MutatingWebhookConfiguration>(),
        Row::of::<ValidatingAdmissionPolicy>().status(),
        Row::of::<ValidatingAdmissionPolicyBinding>(),
        Row::of::<ValidatingWebhookConfiguration>(),
    ];
    rows.map(|row| row.category(CATEGORY)).into()
}
