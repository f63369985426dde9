//! Reviews: questions in the form of objects, which are answered and not stored.

mod access;
mod identity;
mod selectors;

use std::sync::Arc;

use navarch_api::def::Question;
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::create::own_namespace;
use super::{Input, Request, decode};
use crate::ApiServer;
use crate::reply::Output;

/// A question of one kind: fills in the answer.
type Answer = fn(&ApiServer, &Request<'_>, &mut dyn Object) -> Result<()>;

fn answerer(question: Question) -> Answer {
    match question {
        Question::Oneself => identity::oneself,
        Question::Token => identity::token,
        Question::Access => access::of_subject,
        Question::AccessHere => access::of_subject_here,
        Question::OwnAccess => access::of_oneself,
        Question::OwnRules => access::rules,
    }
}

/// Whether the answer is the question, filled in, and so says who asked. To what is asked of oneself the answer is a new object.
fn is_the_question(question: Question) -> bool {
    !matches!(question, Question::Oneself | Question::OwnRules)
}

impl ApiServer {
    /// Answers the question that the request is.
    pub(crate) fn review(&self, request: &mut Request<'_>, question: Question) -> Result<Output> {
        let validation = request.params.write_options("CreateOptions")?.validation;
        let body = std::mem::replace(&mut request.body, Input::None);
        let served: &Arc<_> = request.served;
        let warnings = &mut request.warnings;
        let mut object = decode::object(&self.directory, served, &body, validation, warnings)?;
        own_namespace(request.namespace(), &mut *object)?;
        let strategy = &served.def.strategy;
        let given = object.metadata_mut().managed_fields.take();
        strategy.apply_defaults(&mut *object);
        let (writer, part) = (request.writer(), Part::Main);
        let managed =
            self.updated_managers(served, &writer, part, None, &*object, given.as_deref());
        if is_the_question(question) {
            object.metadata_mut().managed_fields = managed.entries();
        }
        let errors = strategy.validate_create(&*object);
        if !errors.is_empty() {
            // Kubernetes does not say what it is that is not valid.
            return Err(StatusError::invalid(&served.def.group, "", "", &errors));
        }
        answerer(question)(self, request, &mut *object)?;
        strategy.apply_defaults(&mut *object);
        if is_the_question(question) {
            object.metadata_mut().managed_fields = managed.entries();
        }
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
