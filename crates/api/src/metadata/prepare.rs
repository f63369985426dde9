//! What a write may not set.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::empty::drop_empty;

/// Takes out what Kubernetes' encoding leaves out.
pub fn drop_empty_fields(meta: &mut ObjectMeta) {
    drop_empty(&mut meta.annotations);
    drop_empty(&mut meta.finalizers);
    drop_empty(&mut meta.generate_name);
    drop_empty(&mut meta.generation);
    drop_empty(&mut meta.labels);
    drop_empty(&mut meta.name);
    drop_empty(&mut meta.namespace);
    drop_empty(&mut meta.owner_references);
    drop_empty(&mut meta.resource_version);
    drop_empty(&mut meta.uid);
    meta.self_link = None;
}

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

/// The generation of an object whose spec has changed since `old`.
pub fn raise_generation(meta: &mut ObjectMeta, old: &ObjectMeta) {
    meta.generation = Some(old.generation.unwrap_or_default() + 1);
}

/// Carries over what an update of the status leaves alone in kinds where that is all metadata that people write.
pub fn keep_for_status(meta: &mut ObjectMeta, old: &ObjectMeta) {
    meta.deletion_timestamp.clone_from(&old.deletion_timestamp);
    meta.generation = old.generation;
    meta.labels.clone_from(&old.labels);
    meta.annotations.clone_from(&old.annotations);
    meta.finalizers.clone_from(&old.finalizers);
    meta.owner_references.clone_from(&old.owner_references);
}
