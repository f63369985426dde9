//! What a controller wants done.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use navarch_api::call::{Body, Call, Gvr, Options, PatchKind};
use navarch_api::def::Verb;
use navarch_api::strategy::Propagation;
use navarch_client::EventType;
use navarch_machinery::object::{Object, Typed};
use serde_json::Value;

/// API calls to make, events to tell, and when to look again without being asked.
#[derive(Debug, Default)]
pub struct Plan {
    /// Made in order; if a call of one fails, those after it are left out and the key is planned again.
    pub steps: Vec<Step>,
    /// The time to plan again at the latest.
    pub wake: Option<Timestamp>,
    /// Events that are told when all calls have succeeded.
    pub notes: Vec<Note>,
}

/// Calls that may go side by side.
#[derive(Debug, Default)]
pub struct Step {
    /// The calls.
    pub actions: Vec<Action>,
    /// Whether one that fails keeps no other: then all are made before it counts.
    pub apart: bool,
}

/// One API call, with what is told of it.
#[derive(Debug)]
pub struct Action {
    /// The call.
    pub call: Call,
    /// An event when it has succeeded.
    pub done: Option<Note>,
    /// An event when it has failed; the error's message is appended.
    pub failed: Option<Note>,
    /// That the object is not there (any more), or is there already, is what was wanted.
    pub idempotent: bool,
    /// What a read must find, or a review; if it finds something else, the snapshot was out of date and the plan is given up.
    pub expected: Option<Expected>,
}

/// What must hold at the API itself, and not only in a snapshot, before something is done that cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The object has this uid and is not being deleted.
    Alive(String),
    /// There is no such object.
    Absent,
    /// There is no such object of this uid; of none at all, where the uid is empty.
    Gone(String),
    /// The access review is answered with yes. The name is that of what was asked for: the failure tells it.
    Allowed(String),
}

/// An event about an object. In its message `{}` stands for the name of the object that the call answered with.
#[derive(Debug, Clone)]
pub struct Note {
    /// What it is about.
    pub about: Arc<dyn Object>,
    /// Normal or Warning.
    pub kind: EventType,
    /// As `SuccessfulCreate`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

impl Plan {
    /// Nothing to do.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Adds one call as a step of its own.
    pub fn then(&mut self, action: Action) -> &mut Self {
        self.then_all(vec![action])
    }

    /// Adds calls that may go side by side.
    pub fn then_all(&mut self, actions: Vec<Action>) -> &mut Self {
        self.step(actions, false)
    }

    /// Adds calls that have nothing to do with each other: one that fails keeps no other of them.
    pub fn then_each(&mut self, actions: Vec<Action>) -> &mut Self {
        self.step(actions, true)
    }

    fn step(&mut self, actions: Vec<Action>, apart: bool) -> &mut Self {
        if !actions.is_empty() {
            self.steps.push(Step { actions, apart });
        }
        self
    }

    /// Tells an event that belongs to no call.
    pub fn tell(&mut self, note: Note) -> &mut Self {
        self.notes.push(note);
        self
    }

    /// Plans again at `at`, or earlier if that was said already.
    pub fn wake_at(&mut self, at: Timestamp) -> &mut Self {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        self
    }

    /// Whether there is nothing to call.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// All calls in order.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.steps.iter().flat_map(|step| &step.actions)
    }
}

impl Action {
    /// Creates an object.
    pub fn create<T: Typed>(object: T) -> Self {
        let namespace = object.metadata().namespace.clone();
        Self::call::<T>(
            Verb::Create,
            namespace,
            None,
            Body::Object(Arc::new(object)),
        )
    }

    /// Replaces an object as it was read: the resource version it carries is the precondition.
    pub fn update<T: Typed>(object: T) -> Self {
        Self::put(object, None)
    }

    /// Replaces an object's status.
    pub fn update_status<T: Typed>(object: T) -> Self {
        Self::put(object, Some("status"))
    }

    /// Replaces another part of an object, as `approval`.
    pub fn update_part<T: Typed>(object: T, subresource: &str) -> Self {
        Self::put(object, Some(subresource))
    }

    fn put<T: Typed>(object: T, subresource: Option<&str>) -> Self {
        let metadata = object.metadata();
        let (namespace, name) = (metadata.namespace.clone(), metadata.name.clone());
        let mut action = Self::call::<T>(
            Verb::Update,
            namespace,
            name,
            Body::Object(Arc::new(object)),
        );
        action.call.subresource = subresource.map(str::to_owned);
        action
    }

    /// Changes parts of `object`. To make its version or uid a precondition put it into the patch's metadata.
    pub fn patch<T: Typed>(object: &T, kind: PatchKind, patch: Value) -> Self {
        let metadata = object.metadata();
        Self::call::<T>(
            Verb::Patch,
            metadata.namespace.clone(),
            metadata.name.clone(),
            Body::Patch(kind, patch),
        )
    }

    /// Changes parts of the status of `object`.
    pub fn patch_status<T: Typed>(object: &T, kind: PatchKind, patch: Value) -> Self {
        let mut action = Self::patch(object, kind, patch);
        action.call.subresource = Some("status".into());
        action
    }

    /// Deletes exactly this object (by its uid). That it is gone already is fine.
    pub fn delete<T: Typed>(object: &T) -> Self {
        let metadata = object.metadata();
        let mut action = Self::call::<T>(
            Verb::Delete,
            metadata.namespace.clone(),
            metadata.name.clone(),
            Body::None,
        );
        action.call.options.uid.clone_from(&metadata.uid);
        action.idempotent = true;
        action
    }

    /// Reads an object to be sure that it is still there, with this uid, and not being deleted.
    pub fn confirm_alive<T: Typed>(object: &T) -> Self {
        let metadata = object.metadata();
        let mut action = Self::call::<T>(
            Verb::Get,
            metadata.namespace.clone(),
            metadata.name.clone(),
            Body::None,
        );
        action.expected = Some(Expected::Alive(metadata.uid.clone().unwrap_or_default()));
        action
    }

    /// Makes sure that an object in cluster scope is not there.
    pub fn confirm_absent<T: Typed>(name: &str) -> Self {
        let mut action = Self::call::<T>(Verb::Get, None, Some(name.to_owned()), Body::None);
        action.expected = Some(Expected::Absent);
        action
    }

    /// Makes sure that an object in a namespace is not there, or is another than that of this uid.
    pub fn confirm_gone<T: Typed>(namespace: &str, name: &str, uid: &str) -> Self {
        let (namespace, name) = (Some(namespace.to_owned()), Some(name.to_owned()));
        let mut action = Self::call::<T>(Verb::Get, namespace, name, Body::None);
        action.expected = Some(Expected::Gone(uid.to_owned()));
        action
    }

    /// Asks whether somebody may do something, and makes sure that they may.
    pub fn confirm_allowed(review: SubjectAccessReview, what: &str) -> Self {
        let mut action = Self::create(review);
        action.expected = Some(Expected::Allowed(what.to_owned()));
        action
    }

    /// Says what becomes of dependents.
    #[must_use]
    pub fn propagating(mut self, propagation: Propagation) -> Self {
        self.call.options.propagation = Some(propagation);
        self
    }

    /// Gives seconds of grace to a deletion.
    #[must_use]
    pub fn with_grace(mut self, seconds: i64) -> Self {
        self.call.options.grace_period = Some(seconds);
        self
    }

    /// Tells `note` when the call has succeeded.
    #[must_use]
    pub fn telling(mut self, note: Note) -> Self {
        self.done = Some(note);
        self
    }

    /// Tells `note` when the call has failed.
    #[must_use]
    pub fn complaining(mut self, note: Note) -> Self {
        self.failed = Some(note);
        self
    }

    /// Takes "not found" and "already exists" for success.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Any call on a kind.
    pub fn call<T: Typed>(
        verb: Verb,
        namespace: Option<String>,
        name: Option<String>,
        body: Body,
    ) -> Self {
        Self::raw(Call {
            verb,
            resource: Gvr::of::<T>(),
            namespace,
            name,
            subresource: None,
            body,
            options: Options::default(),
        })
    }

    /// Any call.
    pub fn raw(call: Call) -> Self {
        Self {
            call,
            done: None,
            failed: None,
            idempotent: false,
            expected: None,
        }
    }
}

impl Expected {
    /// Whether a call that answered with `object`, or nothing, found what was expected.
    pub fn is_met(&self, object: Option<&dyn Object>) -> bool {
        match (self, object.map(Object::metadata)) {
            (Self::Absent, found) => found.is_none(),
            (Self::Alive(uid), Some(found)) => {
                found.uid.as_deref() == Some(uid.as_str()) && found.deletion_timestamp.is_none()
            }
            (Self::Alive(_), None) => false,
            (Self::Gone(uid), found) => {
                found.is_none_or(|found| !uid.is_empty() && found.uid.as_deref() != Some(uid))
            }
            (Self::Allowed(_), _) => {
                let review = object.and_then(|object| object.as_any().downcast_ref());
                let review: Option<&SubjectAccessReview> = review;
                let status = review.and_then(|review| review.status.as_ref());
                status.is_some_and(|status| status.allowed)
            }
        }
    }
}
