//! `authentication.k8s.io`.

use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenReview};

use crate::def::Verb;
use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<SelfSubjectReview>().verbs(&[Verb::Create]),
        Row::of::<TokenReview>().verbs(&[Verb::Create]),
    ]
}
