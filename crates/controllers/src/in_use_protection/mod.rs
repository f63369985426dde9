//! Lets what is used go only after its users: claims, volumes and their attribute classes. Kubernetes' `pvc-protection`,
//! `pv-protection` and `vac-protection` controllers, and the finalizers of these names (`kubernetes.io/…`).

mod attributes_class;
mod claim;
mod volume;

pub use attributes_class::AttributesClasses;
pub use claim::{Claims, pods_by_claim};
use navarch_machinery::object::Typed;
pub use volume::Volumes;

use crate::{Action, Plan};

/// Takes the finalizer from an object that is being deleted and that nobody uses, and gives it to one that came without.
fn keep_or_let_go<T: Typed + Clone>(
    object: &T,
    finalizer: &str,
    used: impl FnOnce() -> bool,
) -> Plan {
    let mut plan = Plan::nothing();
    let metadata = object.metadata();
    let has = metadata
        .finalizers
        .iter()
        .flatten()
        .any(|it| it == finalizer);
    let leaves = metadata.deletion_timestamp.is_some();
    let changes = match (leaves, has) {
        (true, true) => !used(),
        (false, false) => true,
        _ => false,
    };
    if !changes {
        return plan;
    }
    let mut changed = object.clone();
    let finalizers = changed.metadata_mut().finalizers.get_or_insert_default();
    if has {
        finalizers.retain(|it| it != finalizer);
    } else {
        finalizers.push(finalizer.to_owned());
    }
    plan.then(Action::update(changed));
    plan
}

#[cfg(test)]
mod tests;
