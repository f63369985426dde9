//! Owner references that are there twice.

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use navarch_machinery::object::Object;

/// When duplicates are looked for: clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// In what the client has sent.
    Sent,
    /// In what a patch and admission have made of it.
    Made,
}

/// Keeps one of references that are the same in all their fields, and warns.
pub(super) fn drop_duplicates(object: &mut dyn Object, when: When, warnings: &mut Vec<String>) {
    let Some(owners) = &mut object.metadata_mut().owner_references else {
        return;
    };
    let mut uids = HashSet::new();
    let mut kept: Vec<OwnerReference> = Vec::with_capacity(owners.len());
    let mut dropped = Vec::new();
    for owner in std::mem::take(owners) {
        // Only where a uid is there again are all the others looked at.
        if !uids.insert(owner.uid.clone()) && kept.contains(&owner) {
            dropped.push(owner.uid);
        } else {
            kept.push(owner);
        }
    }
    *owners = kept;
    if dropped.is_empty() {
        return;
    }
    let after = match when {
        When::Sent => "",
        When::Made => " after mutating admission happens",
    };
    warnings.push(format!(
        ".metadata.ownerReferences contains duplicate entries{after}; API server dedups owner references in 1.20+, and may reject \
         such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
        dropped.join(", ")
    ));
}
