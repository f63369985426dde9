//! What is particular about the objects of a resource: small pure hooks that the pipeline calls in a fixed order.
//!
//! On create: `decode` → `apply_defaults` → (managers) → `settle` → `prepare_for_create` → `stamp` → (admission) → `validate` → store.
//! On update: `decode` → `apply_defaults` → (managers) → `settle` → `prepare_for_update` → `stamp` → (admission) → `validate_update` →
//! store.
//! Built-in types implement [`Hooks`]; [`TypedStrategy`] turns them into a [`Strategy`] without their type.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v1::Scale;
use navarch_machinery::apply::Scope;
use navarch_machinery::field::ErrorList;
use navarch_machinery::object::{Object, Typed};
use navarch_machinery::schema::TypeId;
use serde_json::Value;

use crate::def::Column;
use crate::schema::schema;

/// An object read from a stranger's bytes, with what was odd about them.
#[derive(Debug)]
pub struct Decoded {
    /// The object.
    pub object: Box<dyn Object>,
    /// Paths of fields that the kind does not have.
    pub unknown: Vec<String>,
    /// Paths of fields that are there twice.
    pub duplicate: Vec<String>,
}

/// Which part of an object a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The object itself: its status stays as it was.
    Main,
    /// Its status: everything else stays as it was.
    Status,
    /// Another subresource that writes the object, by name.
    Other(&'static str),
}

/// What is particular about a resource, without its type. See the module's words for the order of calls.
pub trait Strategy: Send + Sync {
    /// Reads JSON whose apiVersion and kind were found to be right. The error is in Kubernetes' words.
    fn decode(&self, json: &[u8]) -> Result<Decoded, String>;
    /// Appends an object's JSON as Kubernetes writes it, with what it writes even where it is not set.
    fn encode(&self, object: &dyn Object, out: &mut Vec<u8>) {
        object.encode(out);
    }
    /// The same, but what the client gave as an empty list is one: it is the client's, and what is not given is nobody's.
    fn encode_given(&self, object: &dyn Object, out: &mut Vec<u8>) {
        self.encode(object, out);
    }
    /// Makes what was given as an empty list none, which it is from now on.
    fn settle(&self, object: &mut dyn Object) {
        let _ = object;
    }
    /// Reads what this server stored itself.
    fn decode_stored(&self, json: &[u8]) -> Result<Arc<dyn Object>, String>;
    /// The object that a cache of another crate kept without its type. `None`: it is of another type.
    fn share(&self, decoded: Arc<dyn std::any::Any + Send + Sync>) -> Option<Arc<dyn Object>> {
        let _ = decoded;
        None
    }
    /// Fills in what the client left out.
    fn apply_defaults(&self, object: &mut dyn Object);
    /// Resets what a client may not set on create, as the status; sets generation 1 where the kind has one.
    fn prepare_for_create(&self, object: &mut dyn Object);
    /// Carries over from `old` what this write may not change; raises the generation where the spec changed.
    fn prepare_for_update(&self, part: Part, object: &mut dyn Object, old: &dyn Object);
    /// What a write of a part can reach: what it resets or carries over it cannot, and its author does not come to own it.
    fn scope(&self, part: Part) -> Scope;
    /// Sets what only the clock can say, as the time of a change; called after `prepare`. `old`: what is changed, on an update.
    fn stamp(&self, part: Part, object: &mut dyn Object, old: Option<&dyn Object>, now: Timestamp);
    /// Checks an object, metadata included.
    fn validate(&self, object: &dyn Object) -> ErrorList;
    /// Checks what only new objects must be; called beside `validate` on create.
    fn validate_create(&self, object: &dyn Object) -> ErrorList {
        let _ = object;
        ErrorList::new()
    }
    /// Checks a changed object and the change, metadata included: on update this is called in place of `validate`.
    fn validate_update(&self, part: Part, object: &dyn Object, old: &dyn Object) -> ErrorList;
    /// Warnings for the client that wrote this part.
    fn warnings(&self, part: Part, object: &dyn Object, old: Option<&dyn Object>) -> Vec<String>;
    /// The cells of the object's table row, one for each column.
    fn cells(&self, object: &dyn Object, now: Timestamp) -> Vec<Value>;
    /// The value of a selectable field.
    fn field(&self, object: &dyn Object, path: &str) -> Option<String>;
    /// Whether an update may create the object, and whether it may come without a resource version.
    fn update_rules(&self) -> UpdateRules;
    /// Seconds of grace that a deletion gets when the client names `asked`; `None`: this kind is deleted at once.
    fn grace_period(&self, object: &dyn Object, asked: Option<i64>) -> Option<i64>;
    /// What happens to dependents when the client does not say.
    fn default_propagation(&self) -> Propagation;
    /// What a client is told that deletes and does not say what happens to dependents.
    fn deletion_warning(&self) -> Option<&'static str> {
        None
    }
    /// The object's scale, if it has one: with the label selector as text.
    fn scale(&self, object: &dyn Object) -> Option<Scale>;
    /// Changes the replicas.
    fn set_replicas(&self, object: &mut dyn Object, replicas: i32);
    /// An object of the storage kind, as this kind. Only where they differ.
    // It makes another object; the strategy is only who knows how.
    #[allow(clippy::wrong_self_convention)]
    fn from_storage_kind(&self, stored: &dyn Object) -> Option<Box<dyn Object>>;
    /// An object of this kind, as the storage kind. Only where they differ.
    fn to_storage_kind(&self, object: &dyn Object) -> Option<Box<dyn Object>>;
}

/// How an update may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpdateRules {
    /// A PUT to a name that is not there creates the object.
    pub create_on_update: bool,
    /// A PUT without resourceVersion replaces whatever is there.
    pub unconditional: bool,
}

/// What Kubernetes checks of the metadata of a kind's objects beside what it checks of all kinds. It tells what it finds each time that it
/// checks, so a finding is there as often as there are checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetadataRules {
    /// A finalizer without a domain must be one of Kubernetes' own.
    pub known_finalizers: bool,
    /// An update checks the changed metadata as if they were new.
    pub whole: bool,
    /// An update checks what has changed of them.
    pub change: bool,
}

impl MetadataRules {
    /// Nothing but what is checked of all kinds.
    pub const NONE: Self = Self {
        known_finalizers: false,
        whole: false,
        change: false,
    };
    /// The change is checked once more.
    pub const CHANGE: Self = Self {
        known_finalizers: true,
        whole: false,
        change: true,
    };
    /// All is checked once more.
    pub const WHOLE: Self = Self {
        whole: true,
        ..Self::CHANGE
    };

    /// The rules of a write of a part: what is no part of the object's main form is checked for changes alone.
    pub(crate) fn of(self, part: Part) -> Self {
        Self {
            whole: self.whole && part == Part::Main,
            ..self
        }
    }
}

/// What a deletion does to dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// Dependents are deleted after the object.
    Background,
    /// Dependents are deleted before the object.
    Foreground,
    /// Dependents stay.
    Orphan,
}

/// The scope of a kind of which a write of the status reaches nothing but the status, not even metadata: most of the younger ones.
pub(crate) fn status_alone(part: Part) -> Scope {
    match part {
        Part::Main => Scope::AllBut(&["status"]),
        Part::Status => Scope::AllBut(&["spec", "metadata"]),
        Part::Other(_) => Scope::AllBut(&[]),
    }
}

/// The hooks of one built-in type. Every default is that of a kind with nothing particular.
pub trait Hooks: Typed {
    /// How an update may go. Kubernetes' usual: not created, unconditional allowed.
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: false,
        unconditional: true,
    };
    /// What is checked of its metadata beside what is checked of all kinds.
    const METADATA: MetadataRules = MetadataRules::CHANGE;
    /// The columns of its table, one for each cell of [`Hooks::cells`].
    const COLUMNS: &'static [Column] = crate::cell::NAME_AND_AGE;
    /// Fields that a field selector may name beside those of the metadata.
    const FIELDS: &'static [&'static str] = &[];
    /// See [`Strategy::default_propagation`].
    const PROPAGATION: Propagation = Propagation::Background;
    /// See [`Strategy::deletion_warning`].
    const DELETION_WARNING: Option<&'static str> = None;

    /// Looks once more at what the object was read from, for what the type cannot hold.
    fn after_decode(&mut self, _json: &[u8]) {}
    /// See [`Strategy::settle`]: of the object's own lists.
    fn settle(&mut self) {}
    /// See [`Strategy::apply_defaults`].
    fn apply_defaults(&mut self) {}
    /// See [`Strategy::prepare_for_create`].
    fn prepare_for_create(&mut self) {}
    /// See [`Strategy::prepare_for_update`].
    fn prepare_for_update(&mut self, _part: Part, _old: &Self) {}
    /// See [`Strategy::scope`].
    fn scope(part: Part) -> Scope {
        match part {
            Part::Main => Scope::AllBut(&["status"]),
            Part::Status => Scope::AllBut(&["spec"]),
            Part::Other(_) => Scope::AllBut(&[]),
        }
    }
    /// See [`Strategy::stamp`].
    fn stamp(&mut self, _part: Part, _old: Option<&Self>, _now: Timestamp) {}
    /// The rule of its name: a list of complaints, as `navarch_machinery::names` words them. `prefix`: it is a generateName.
    fn name_errors(name: &str, prefix: bool) -> Vec<String>;
    /// Checks all but the metadata.
    fn validate(&self) -> ErrorList {
        ErrorList::new()
    }
    /// Checks what only new objects must be.
    fn validate_create(&self) -> ErrorList {
        ErrorList::new()
    }
    /// Checks a change of all but the metadata.
    fn validate_update(&self, _part: Part, _old: &Self) -> ErrorList {
        ErrorList::new()
    }
    /// Checks a changed object as a whole: first what it must be, then what may change. Only kinds of which Kubernetes tells
    /// this in another order, or twice, have their own.
    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        let mut errors = self.validate();
        errors.extend(self.validate_update(part, old));
        errors
    }
    /// See [`Strategy::warnings`]: of the object itself.
    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        Vec::new()
    }
    /// See [`Strategy::warnings`]: of its status, where that alone is written.
    fn status_warnings(&self) -> Vec<String> {
        Vec::new()
    }
    /// See [`Strategy::cells`].
    fn cells(&self, now: Timestamp) -> Vec<Value>;
    /// See [`Strategy::field`]; metadata fields are answered already.
    fn field(&self, _path: &str) -> Option<String> {
        None
    }
    /// See [`Strategy::grace_period`].
    fn grace_period(&self, _asked: Option<i64>) -> Option<i64> {
        None
    }
    /// See [`Strategy::scale`].
    fn scale(&self) -> Option<Scale> {
        None
    }
    /// See [`Strategy::set_replicas`].
    fn set_replicas(&mut self, _replicas: i32) {}
    /// See [`Strategy::from_storage_kind`].
    fn from_storage_kind(_stored: &dyn Object) -> Option<Self> {
        None
    }
    /// See [`Strategy::to_storage_kind`].
    fn to_storage_kind(&self) -> Option<Box<dyn Object>> {
        None
    }
}

/// The strategy of a type that has [`Hooks`].
pub struct TypedStrategy<T> {
    /// Whether its objects live in namespaces: metadata validation asks for it.
    pub namespaced: bool,
    ty: OnceLock<Option<TypeId>>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Hooks> TypedStrategy<T> {
    /// The strategy of `T`.
    pub fn new(namespaced: bool) -> Self {
        Self {
            namespaced,
            ty: OnceLock::new(),
            kind: PhantomData,
        }
    }

    /// The shape of its type. `None`: Kubernetes has no such kind.
    pub(crate) fn ty(&self) -> Option<TypeId> {
        *self
            .ty
            .get_or_init(|| schema().kind(T::GROUP, T::VERSION, T::KIND))
    }
}
