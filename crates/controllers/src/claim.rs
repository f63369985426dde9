//! Who owns what: adoption of matching orphans, release of what no longer matches. By uid, never by name.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use navarch_api::call::PatchKind;
use navarch_client::{Index, ObjectKey, Snapshot};
use navarch_machinery::labels::Selector;
use navarch_machinery::object::{Object, Typed};
use serde_json::json;

use crate::{Action, Plan};

/// The reference of a controlling owner, as every controller writes it.
pub(crate) fn controller_reference(owner: &dyn Object) -> OwnerReference {
    OwnerReference {
        api_version: owner.api_version().to_owned(),
        kind: owner.kind().to_owned(),
        name: owner.metadata().name.clone().unwrap_or_default(),
        uid: owner.metadata().uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The owner that controls an object.
pub(crate) fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata
        .owner_references
        .as_deref()
        .unwrap_or_default()
        .iter()
        .find(|owner| owner.controller == Some(true))
}

/// The key of the owner that controls an object, if it is of this kind.
pub(crate) fn controlling_key<K: k8s_openapi::Resource>(
    metadata: &ObjectMeta,
) -> Option<ObjectKey> {
    let owner = controller_of(metadata)
        .filter(|owner| owner.kind == K::KIND && group_of(&owner.api_version) == K::GROUP)?;
    Some(ObjectKey::new(
        metadata.namespace.as_deref().unwrap_or(""),
        &owner.name,
    ))
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Objects that nobody controls, by namespace.
pub(crate) fn orphans<T: Typed>() -> Index<T> {
    Index {
        name: "orphan",
        values: |object| {
            let metadata = object.metadata();
            let orphan = controller_of(metadata).is_none();
            orphan
                .then(|| metadata.namespace.clone().unwrap_or_default())
                .into_iter()
                .collect()
        },
    }
}

/// What an owner has, and what must be done for it to be so.
pub(crate) struct Claimed<T> {
    /// The dependents that it owns and that match.
    pub(crate) owned: Vec<Arc<T>>,
    /// Those that it will own when `plan` has been carried out: they count from now on.
    pub(crate) adopted: Vec<Arc<T>>,
    /// Adoptions and releases.
    pub(crate) plan: Plan,
}

/// Sorts out which objects of the owner's namespace are its own. The snapshot must have the indices
/// [`Index::CONTROLLER`] and [`orphans`]. A deleted owner adopts nothing; what is not `claimable` is neither adopted nor released.
pub(crate) fn claim<O: Typed, T: Typed>(
    owner: &O,
    selector: &Selector,
    objects: &Snapshot<T>,
    claimable: fn(&T) -> bool,
) -> Claimed<T> {
    let metadata = owner.metadata();
    let mut claimed = Claimed {
        owned: Vec::new(),
        adopted: Vec::new(),
        plan: Plan::nothing(),
    };
    let Some(uid) = metadata.uid.as_deref() else {
        return claimed;
    };
    let mut released = Vec::new();
    for object in objects.by_index(Index::CONTROLLER, uid) {
        if selector.selects(object.metadata().labels.as_ref()) {
            claimed.owned.push(object.clone());
        } else if object.metadata().deletion_timestamp.is_none() && claimable(object) {
            released.push(release(uid, object.as_ref()));
        }
    }
    claimed.plan.then_all(released);
    if metadata.deletion_timestamp.is_some() {
        return claimed;
    }
    let namespace = metadata.namespace.as_deref().unwrap_or("");
    let adoptable = objects.by_index(orphans(), namespace).filter(|object| {
        let candidate = object.metadata();
        candidate.deletion_timestamp.is_none()
            && claimable(object)
            && selector.selects(candidate.labels.as_ref())
    });
    claimed.adopted.extend(adoptable.cloned());
    if !claimed.adopted.is_empty() {
        // An owner whose deletion has not been seen yet would take back what was orphaned, and then it would be collected as garbage.
        claimed.plan.then(Action::confirm_alive(owner));
        let adoptions = claimed
            .adopted
            .iter()
            .map(|object| adopt(owner, object.as_ref()));
        claimed.plan.then_all(adoptions.collect());
    }
    claimed
}

fn adopt<T: Typed>(owner: &dyn Object, object: &T) -> Action {
    let mut owners = object
        .metadata()
        .owner_references
        .clone()
        .unwrap_or_default();
    owners.push(controller_reference(owner));
    repossess(object, &owners)
}

fn release<T: Typed>(uid: &str, object: &T) -> Action {
    let owners = object
        .metadata()
        .owner_references
        .as_deref()
        .unwrap_or_default();
    let others: Vec<OwnerReference> = owners
        .iter()
        .filter(|owner| owner.uid != uid)
        .cloned()
        .collect();
    repossess(object, &others)
}

/// The resource version in the patch makes it fail if somebody else changed the owners meanwhile.
fn repossess<T: Typed>(object: &T, owners: &[OwnerReference]) -> Action {
    let metadata = object.metadata();
    let patch = json!({"metadata": {
        "uid": metadata.uid, "resourceVersion": metadata.resource_version, "ownerReferences": owners,
    }});
    Action::patch(object, PatchKind::Merge, patch)
}
