//! `authentication.k8s.io`.

use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenReview};

use crate::def::Question;
use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<SelfSubjectReview>().asks(Question::Oneself),
        Row::of::<TokenReview>().asks(Question::Token),
    ]
}
