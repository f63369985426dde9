//! Fields of an object in the names of another version of its kind.

use std::sync::Arc;

use navarch_api::schema::schema;
use navarch_machinery::apply::{Diff, Place, Tree, compare};
use navarch_machinery::object::Object;
use navarch_store::Entry;

use crate::encode::encoded;
use crate::served::{Directory, Served};

/// What differs between an object and what it becomes, in the names of `version`. `None`: the kind does not have that version.
pub(super) fn diff_in(
    directory: &Directory,
    served: &Served,
    version: &str,
    old: Option<&Entry>,
    new: &Tree<'_>,
) -> Option<Diff<'static>> {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    if group != served.def.group {
        // The kind in another group is the same in the store alone: who wrote it there is forgotten.
        return None;
    }
    let other = directory.find(group, version, &served.def.plural)?;
    if other.def.storage.bucket != served.def.storage.bucket {
        return None;
    }
    let new = as_other(served, other, new)?;
    let new = encoded(other, &*new);
    let old = old.and_then(|old| Some(encoded(other, &*other.decode(old).ok()?)));
    let old = old.as_deref().unwrap_or(b"{}");
    let (old, new) = (Tree::parse(old).ok()?, Tree::parse(&new).ok()?);
    let diff = compare(schema(), Place::of(other.ty?), &old, &new);
    Some(Diff {
        changed: diff.changed.into_owned(),
        removed: diff.removed.into_owned(),
    })
}

fn as_other(served: &Served, other: &Arc<Served>, new: &Tree<'_>) -> Option<Box<dyn Object>> {
    let json = serde_json::to_vec(new).ok()?;
    let object = served.def.strategy.decode(&json).ok()?.object;
    let stored = match &served.storage {
        Some(_) => served.def.strategy.to_storage_kind(&*object)?,
        None => object,
    };
    match &other.storage {
        Some(_) => other.def.strategy.from_storage_kind(&*stored),
        None => Some(stored),
    }
}
