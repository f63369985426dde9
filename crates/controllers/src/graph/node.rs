//! What the graph keeps of an object.

use std::sync::Arc;

use navarch_api::def::ResourceDef;
use navarch_api::table;
use navarch_client::ObjectKey;
use navarch_machinery::object::Object;

/// An object as an owner and as a dependent. Nothing else of it is kept.
#[derive(Debug)]
pub struct Node {
    /// What it is known by: names come again, uids do not.
    pub uid: Arc<str>,
    /// What it is.
    pub kind: Arc<ResourceDef>,
    /// Namespace and name.
    pub key: ObjectKey,
    /// Its owners.
    pub owners: Box<[Owner]>,
    /// What holds it when it is deleted.
    pub finalizers: Box<[Box<str>]>,
    /// Whether it has a deletion timestamp.
    pub is_deleting: bool,
    /// Its resource version.
    pub version: Box<str>,
}

/// A reference from a dependent to its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The owner's uid.
    pub uid: Arc<str>,
    /// What it is said to be; `None`: a kind that is not served.
    pub kind: Option<OwnerKind>,
    /// The name that it is said to have.
    pub name: Box<str>,
    /// Whether a foreground deletion of the owner waits for the dependent.
    pub blocks: bool,
}

/// A kind that a reference names and that is served.
#[derive(Clone)]
pub struct OwnerKind(pub Arc<ResourceDef>);

impl OwnerKind {
    /// Whether this is the kind of the objects that `def` is about, in whatever version.
    pub fn is(&self, def: &ResourceDef) -> bool {
        self.0.storage == def.storage && self.0.kind == def.kind
    }
}

impl PartialEq for OwnerKind {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for OwnerKind {}

impl std::fmt::Debug for OwnerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Node {
    /// What is to be kept of an object. `None`: it has no uid.
    pub fn of(kind: &Arc<ResourceDef>, object: &dyn Object) -> Option<Self> {
        let metadata = object.metadata();
        let owners = metadata.owner_references.iter().flatten();
        let owners = owners.map(|owner| Owner {
            uid: owner.uid.as_str().into(),
            kind: kind_of(&owner.api_version, &owner.kind),
            name: owner.name.as_str().into(),
            blocks: owner.block_owner_deletion == Some(true),
        });
        let finalizers = metadata.finalizers.iter().flatten();
        Some(Self {
            uid: metadata.uid.as_deref()?.into(),
            kind: kind.clone(),
            key: ObjectKey::of(metadata),
            owners: owners.collect(),
            finalizers: finalizers.map(|name| name.as_str().into()).collect(),
            is_deleting: metadata.deletion_timestamp.is_some(),
            version: metadata.resource_version.as_deref().unwrap_or("").into(),
        })
    }

    /// Whether it has this finalizer.
    pub fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|own| &**own == finalizer)
    }

    /// Whether a reference of `dependent` that has this object's uid is right about the rest too. One that is not points to nothing.
    pub fn is_meant_by(&self, owner: &Owner, dependent: &Node) -> bool {
        owner.uid == self.uid
            && *owner.name == *self.key.name
            && owner.kind.as_ref().is_some_and(|kind| kind.is(&self.kind))
            && (!self.kind.is_namespaced() || self.key.namespace == dependent.key.namespace)
    }

    /// Whether anything that the collection of garbage looks at differs.
    pub fn differs(&self, other: &Self) -> bool {
        self.is_deleting != other.is_deleting
            || self.owners != other.owners
            || self.finalizers != other.finalizers
    }
}

fn kind_of(api_version: &str, kind: &str) -> Option<OwnerKind> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let found = table::builtin().kind(group, version, kind)?;
    Some(OwnerKind(found.clone()))
}
