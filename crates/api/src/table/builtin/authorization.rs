//! `authorization.k8s.io`.

use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
};

use crate::def::Verb;
use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    let rows = [
        Row::of::<LocalSubjectAccessReview>(),
        Row::of::<SelfSubjectAccessReview>(),
        Row::of::<SelfSubjectRulesReview>(),
        Row::of::<SubjectAccessReview>(),
    ];
    rows.map(|row| row.verbs(&[Verb::Create])).into()
}
