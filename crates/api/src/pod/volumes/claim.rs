//! Claims that are made for a pod.

use k8s_openapi::api::core::v1::{
    EphemeralVolumeSource, PersistentVolumeClaimSpec, TypedLocalObjectReference,
    TypedObjectReference,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_subdomain;

use super::super::absent::{items, text};
use super::super::{amount, check, resources};
use crate::metadata::{validate_annotations, validate_label_selector, validate_labels};

/// `path`: the volume's. `pod`: the name of the pod, if it is one and has one.
pub(super) fn check(
    errors: &mut ErrorList,
    volume: &Path,
    ephemeral: &EphemeralVolumeSource,
    name: &str,
    pod: Option<&str>,
) {
    let path = volume.child("ephemeral").child("volumeClaimTemplate");
    match &ephemeral.volume_claim_template {
        None => errors.push(Error::required(&path, "")),
        Some(template) => {
            if let Some(meta) = &template.metadata {
                check_template_metadata(errors, &path.child("metadata"), meta);
            }
            check_spec(errors, &path.child("spec"), &template.spec);
        }
    }
    if let Some(pod) = pod.filter(|_| !name.is_empty()) {
        let claim = format!("{pod}-{name}");
        let findings = is_dns1123_subdomain(&claim)
            .into_iter()
            .map(|finding| format!("PVC name {claim:?}: {finding}"))
            .collect();
        check::each(errors, &volume.child("name"), name, findings);
    }
}

/// The metadata of a template: only labels and annotations are passed on.
pub(crate) fn check_template_metadata(errors: &mut ErrorList, path: &Path, meta: &ObjectMeta) {
    errors.extend(validate_annotations(
        meta.annotations.as_ref(),
        &path.child("annotations"),
    ));
    errors.extend(validate_labels(meta.labels.as_ref(), &path.child("labels")));
    let set = [
        ("name", meta.name.is_some()),
        ("generateName", meta.generate_name.is_some()),
        ("namespace", meta.namespace.is_some()),
        ("selfLink", meta.self_link.is_some()),
        ("uID", meta.uid.is_some()),
        ("resourceVersion", meta.resource_version.is_some()),
        ("generation", meta.generation.is_some()),
        ("creationTimestamp", meta.creation_timestamp.is_some()),
        ("deletionTimestamp", meta.deletion_timestamp.is_some()),
        (
            "deletionGracePeriodSeconds",
            meta.deletion_grace_period_seconds.is_some(),
        ),
        ("ownerReferences", !items(&meta.owner_references).is_empty()),
        ("finalizers", !items(&meta.finalizers).is_empty()),
        ("managedFields", !items(&meta.managed_fields).is_empty()),
    ];
    for (name, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
        errors.push(Error::forbidden(&path.child(name), "cannot be set"));
    }
}

/// What a claim asks for.
pub(crate) fn check_spec(errors: &mut ErrorList, path: &Path, spec: &PersistentVolumeClaimSpec) {
    check_access_modes(errors, &path.child("accessModes"), spec, path);
    check_storage(errors, &path.child("resources").key("storage"), spec);
    let class = text(&spec.storage_class_name);
    if !class.is_empty() {
        check::subdomain(errors, &path.child("storageClassName"), class);
    }
    if let Some(mode) = &spec.volume_mode {
        check::supported_value(
            errors,
            &path.child("volumeMode"),
            mode,
            &["Block", "Filesystem"],
        );
    }
    if let Some(source) = &spec.data_source {
        check_source(
            errors,
            &path.child("dataSource"),
            &source.name,
            &source.kind,
            text(&source.api_group),
        );
    }
    if let Some(source) = &spec.data_source_ref {
        let path = path.child("dataSourceRef");
        check_source(
            errors,
            &path,
            &source.name,
            &source.kind,
            text(&source.api_group),
        );
        let namespace = text(&source.namespace);
        if !namespace.is_empty() {
            check::label(errors, &path.child("namespace"), namespace);
        }
    }
    check_same_source(
        errors,
        path,
        spec.data_source.as_ref(),
        spec.data_source_ref.as_ref(),
    );
    let class = text(&spec.volume_attributes_class_name);
    if !class.is_empty() {
        check::subdomain(errors, &path.child("volumeAttributesClassName"), class);
    }
}

fn check_access_modes(
    errors: &mut ErrorList,
    modes_path: &Path,
    spec: &PersistentVolumeClaimSpec,
    path: &Path,
) {
    let modes = items(&spec.access_modes);
    if modes.is_empty() {
        errors.push(Error::required(
            modes_path,
            "at least 1 access mode is required",
        ));
    }
    if let Some(selector) = &spec.selector {
        errors.extend(validate_label_selector(selector, &path.child("selector")));
    }
    check_modes(errors, modes_path, modes);
}

/// Known ways to mount a volume, of which one excludes the others.
pub(crate) fn check_modes(errors: &mut ErrorList, path: &Path, modes: &[String]) {
    const ONE_POD: &str = "ReadWriteOncePod";
    const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", ONE_POD];
    for mode in modes {
        check::supported_value(errors, path, mode, MODES);
    }
    let other = |mode: &String| mode != ONE_POD && MODES.contains(&mode.as_str());
    if modes.iter().any(|mode| mode == ONE_POD) && modes.iter().any(other) {
        errors.push(Error::forbidden(
            path,
            "may not use ReadWriteOncePod with other access modes",
        ));
    }
}

fn check_storage(errors: &mut ErrorList, path: &Path, spec: &PersistentVolumeClaimSpec) {
    let requests = spec
        .resources
        .as_ref()
        .and_then(|resources| resources.requests.as_ref());
    match requests.and_then(|requests| requests.get("storage")) {
        None => errors.push(Error::required(path, "")),
        Some(size) if !amount::is_positive(size) => {
            errors.push(Error::invalid(
                path,
                amount::shown(size),
                "must be greater than zero",
            ));
        }
        Some(size) => resources::quantity(errors, path, "storage", size),
    }
}

fn check_source(errors: &mut ErrorList, path: &Path, name: &str, kind: &str, group: &str) {
    check::required(errors, &path.child("name"), name);
    check::required(errors, &path.child("kind"), kind);
    if group.is_empty() {
        if kind != "PersistentVolumeClaim" {
            let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.push(Error::invalid(path, kind, detail));
        }
    } else {
        check::subdomain(errors, &path.child("apiGroup"), group);
    }
}

/// The old and the new way to name a source agree.
fn check_same_source(
    errors: &mut ErrorList,
    path: &Path,
    old: Option<&TypedLocalObjectReference>,
    new: Option<&TypedObjectReference>,
) {
    let (Some(old), Some(new)) = (old, new) else {
        return;
    };
    let same = old.name == new.name
        && old.kind == new.kind
        && text(&old.api_group) == text(&new.api_group);
    let detail = if !text(&new.namespace).is_empty() {
        "may not be specified when dataSourceRef.namespace is specified"
    } else if !same {
        "must match dataSourceRef"
    } else {
        return;
    };
    // Kubernetes shows a path here, of which nothing is visible.
    errors.push(Error::invalid(path, check::Json::object(&[]), detail));
}
