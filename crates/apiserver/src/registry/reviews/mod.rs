//! Reviews: questions in the form of objects, which are answered and not stored.

mod access;
mod identity;

use std::sync::Arc;

use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::create::own_namespace;
use super::{Input, Request, decode};
use crate::ApiServer;
use crate::reply::Output;

/// A question of one kind: fills in the answer.
type Answer = fn(&ApiServer, &Request<'_>, &mut dyn Object) -> Result<()>;

/// Who answers which question, by group and plural.
const ANSWERS: &[(&str, &str, Answer)] = &[
    (
        "authentication.k8s.io",
        "selfsubjectreviews",
        identity::oneself,
    ),
    ("authentication.k8s.io", "tokenreviews", identity::token),
    (
        "authorization.k8s.io",
        "localsubjectaccessreviews",
        access::of_subject_here,
    ),
    (
        "authorization.k8s.io",
        "selfsubjectaccessreviews",
        access::of_oneself,
    ),
    (
        "authorization.k8s.io",
        "selfsubjectrulesreviews",
        access::rules,
    ),
    (
        "authorization.k8s.io",
        "subjectaccessreviews",
        access::of_subject,
    ),
];

impl ApiServer {
    /// Answers the request if it is a question.
    pub(crate) fn review(&self, request: &mut Request<'_>) -> Option<Result<Output>> {
        let def = &request.served.def;
        let is_this = |row: &&(&str, &str, Answer)| (row.0, row.1) == (&*def.group, &*def.plural);
        let (_, _, answer) = ANSWERS.iter().find(is_this)?;
        Some(self.answer(request, *answer))
    }

    fn answer(&self, request: &mut Request<'_>, answer: Answer) -> Result<Output> {
        let validation = request.params.write_options("CreateOptions")?.validation;
        let body = std::mem::replace(&mut request.body, Input::None);
        let served: &Arc<_> = request.served;
        let warnings = &mut request.warnings;
        let mut object = decode::object(&self.directory, served, &body, validation, warnings)?;
        own_namespace(request.namespace(), &mut *object)?;
        let strategy = &served.def.strategy;
        strategy.apply_defaults(&mut *object);
        let errors = strategy.validate_create(&*object);
        if !errors.is_empty() {
            // Kubernetes does not say what it is that is not valid.
            return Err(StatusError::invalid(&served.def.group, "", "", &errors));
        }
        answer(self, request, &mut *object)?;
        strategy.apply_defaults(&mut *object);
        Ok(Output::Object {
            served: served.clone(),
            object: object.into(),
            created: true,
        })
    }
}

/// The object as the type that the request's resource has.
fn as_type<T: 'static>(object: &mut dyn Object) -> Result<&mut T> {
    let object = object.as_any_mut().downcast_mut();
    object.ok_or_else(|| StatusError::internal("the question is of another kind"))
}
