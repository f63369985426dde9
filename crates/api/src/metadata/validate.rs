//! The checks of metadata as a whole.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::limits::MAX_FIELD_MANAGER;

use super::owners::{validate_finalizers, validate_no_new_finalizers, validate_owners};
use super::{validate_annotations, validate_labels};
use crate::check::{found, immutable, non_negative};
use crate::naming;

/// The length of a subresource's name in managed fields.
const MAX_SUBRESOURCE: usize = 256;

/// Metadata and what is wrong with those of its parts that an update has told several times: they are looked at once.
pub struct Checked<'a> {
    meta: &'a ObjectMeta,
    /// What anybody may write, and what is looked at again when it has changed: finalizers are not.
    open: ErrorList,
    finalizers: ErrorList,
    managed: ErrorList,
}

impl<'a> Checked<'a> {
    /// Looks at the parts of an object's metadata.
    pub fn new(meta: &'a ObjectMeta) -> Self {
        let path = Path::new("metadata");
        let finalizers = meta.finalizers.as_deref().unwrap_or_default();
        let managed = meta.managed_fields.as_deref().unwrap_or_default();
        Self {
            meta,
            open: validate_open_fields(meta, &path),
            finalizers: validate_finalizers(finalizers, &path.child("finalizers")),
            managed: validate_managed_fields(managed, &path.child("managedFields")),
        }
    }

    /// Checks them as those of a new object. `name_errors`: the rule of its kind's names, told whether it is a generateName.
    pub fn whole(&self, namespaced: bool, name_errors: fn(&str, bool) -> Vec<String>) -> ErrorList {
        let mut errors = validate_identity(self.meta, namespaced, name_errors);
        errors.extend(self.open.iter().cloned());
        errors.extend(self.finalizers.iter().cloned());
        errors.extend(self.managed.iter().cloned());
        errors
    }

    /// Checks their change. That a resource version is given where a kind demands it is the pipeline's to check.
    pub fn change(&self, old: &ObjectMeta) -> ErrorList {
        let mut errors = validate_fixed(self.meta, old);
        errors.extend(self.open.iter().cloned());
        errors.extend(self.managed.iter().cloned());
        errors
    }
}

/// Checks by what an object is found, and its generation.
fn validate_identity(
    meta: &ObjectMeta,
    namespaced: bool,
    name_errors: fn(&str, bool) -> Vec<String>,
) -> ErrorList {
    let path = Path::new("metadata");
    let mut errors = ErrorList::new();
    if let Some(prefix) = meta
        .generate_name
        .as_deref()
        .filter(|prefix| !prefix.is_empty())
    {
        errors.extend(found(
            prefix,
            name_errors(prefix, true),
            &path.child("generateName"),
        ));
    }
    match meta.name.as_deref().unwrap_or_default() {
        "" => errors.push(Error::required(
            &path.child("name"),
            "name or generateName is required",
        )),
        name => errors.extend(found(name, name_errors(name, false), &path.child("name"))),
    }
    errors.extend(validate_namespace(
        meta.namespace.as_deref().unwrap_or_default(),
        namespaced,
        &path.child("namespace"),
    ));
    errors.extend(non_negative(
        meta.generation.unwrap_or_default(),
        &path.child("generation"),
    ));
    errors
}

fn validate_namespace(namespace: &str, namespaced: bool, path: &Path) -> ErrorList {
    match (namespaced, namespace) {
        (true, "") => vec![Error::required(path, "")],
        (true, namespace) => found(namespace, naming::label(namespace, false), path),
        (false, "") => ErrorList::new(),
        (false, _) => vec![Error::forbidden(path, "not allowed on this type")],
    }
}

fn validate_open_fields(meta: &ObjectMeta, path: &Path) -> ErrorList {
    let mut errors = validate_labels(meta.labels.as_ref(), &path.child("labels"));
    errors.extend(validate_annotations(
        meta.annotations.as_ref(),
        &path.child("annotations"),
    ));
    errors.extend(validate_owners(
        meta.owner_references.as_deref().unwrap_or_default(),
        &path.child("ownerReferences"),
    ));
    errors
}

fn validate_managed_fields(entries: &[ManagedFieldsEntry], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (at, entry) in entries.iter().enumerate() {
        let path = path.index(at);
        let operation = entry.operation.as_deref().unwrap_or_default();
        if operation != "Apply" && operation != "Update" {
            errors.push(Error::invalid(
                &path.child("operation"),
                operation,
                "must be `Apply` or `Update`",
            ));
        }
        let fields_type = entry.fields_type.as_deref().unwrap_or_default();
        if !fields_type.is_empty() && fields_type != "FieldsV1" {
            errors.push(Error::invalid(
                &path.child("fieldsType"),
                fields_type,
                "must be `FieldsV1`",
            ));
        }
        errors.extend(validate_field_manager(
            entry.manager.as_deref().unwrap_or_default(),
            &path.child("manager"),
        ));
        if entry.subresource.as_deref().unwrap_or_default().len() > MAX_SUBRESOURCE {
            errors.push(Error::too_long(&path.child("subresource"), MAX_SUBRESOURCE));
        }
    }
    errors
}

/// Checks the name of a field manager: at most 128 bytes, printable.
pub fn validate_field_manager(manager: &str, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if manager.len() > MAX_FIELD_MANAGER {
        errors.push(Error::too_long(path, MAX_FIELD_MANAGER));
    }
    for (at, letter) in manager
        .char_indices()
        .filter(|(_, letter)| letter.is_control())
    {
        let detail = format!(
            "invalid character U+{:04X} (at position {at})",
            u32::from(letter)
        );
        errors.push(Error::invalid(path, manager, detail));
    }
    errors
}

/// Checks what a change may not touch.
fn validate_fixed(meta: &ObjectMeta, old: &ObjectMeta) -> ErrorList {
    let path = Path::new("metadata");
    let mut errors = ErrorList::new();
    if old.deletion_timestamp.is_some() {
        let (new, old) = (meta.finalizers.as_deref(), old.finalizers.as_deref());
        let path = path.child("finalizers");
        errors.extend(validate_no_new_finalizers(
            new.unwrap_or_default(),
            old.unwrap_or_default(),
            &path,
        ));
    }
    let (generation, before) = (
        meta.generation.unwrap_or_default(),
        old.generation.unwrap_or_default(),
    );
    if generation < before {
        errors.push(Error::invalid(
            &path.child("generation"),
            generation,
            "must not be decremented",
        ));
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    errors.extend(immutable(
        &text(&meta.name),
        &text(&old.name),
        &path.child("name"),
    ));
    errors.extend(immutable(
        &text(&meta.namespace),
        &text(&old.namespace),
        &path.child("namespace"),
    ));
    errors.extend(immutable(
        &text(&meta.uid),
        &text(&old.uid),
        &path.child("uid"),
    ));
    errors.extend(immutable(
        &meta.creation_timestamp,
        &old.creation_timestamp,
        &path.child("creationTimestamp"),
    ));
    errors.extend(immutable(
        &meta.deletion_timestamp,
        &old.deletion_timestamp,
        &path.child("deletionTimestamp"),
    ));
    let (seconds, before) = (
        &meta.deletion_grace_period_seconds,
        &old.deletion_grace_period_seconds,
    );
    errors.extend(immutable(
        seconds,
        before,
        &path.child("deletionGracePeriodSeconds"),
    ));
    errors
}
