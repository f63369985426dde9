//! `authorization.k8s.io`.

use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
};

use crate::def::Question;
use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<LocalSubjectAccessReview>().asks(Question::AccessHere),
        Row::of::<SelfSubjectAccessReview>().asks(Question::OwnAccess),
        Row::of::<SelfSubjectRulesReview>().asks(Question::OwnRules),
        Row::of::<SubjectAccessReview>().asks(Question::Access),
    ]
}
