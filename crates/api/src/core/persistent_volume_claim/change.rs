//! What may change of a claim: it gets a volume once, a class if it had none, and once bound another size.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_qualified_name;

use super::data_source;
use crate::check::{found, immutable};
use crate::core::persistent_volume::CLASS;
use crate::pod::absent::{entries, text};
use crate::pod::{amount, check_quantity, diff, is_native_resource};

const BOUND: &str = "Bound";
const IMMUTABLE: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
/// How far the resizing of a volume is.
const RESIZING: &[&str] = &[
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
];

/// Checks a change of the claim itself.
pub(super) fn errors(claim: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> ErrorList {
    let (Some(spec), Some(before)) = (&claim.spec, &old.spec) else {
        return ErrorList::new();
    };
    let mut errors = ErrorList::new();
    let (mut wanted, mut allowed) = (spec.clone(), before.clone());
    data_source::normalize(&mut allowed);
    if text(&before.volume_name).is_empty() {
        allowed.volume_name.clone_from(&spec.volume_name);
    }
    errors.extend(class(claim, old, &mut wanted));
    let is_bound = claim
        .status
        .as_ref()
        .is_some_and(|status| text(&status.phase) == BOUND);
    if is_bound {
        keep_size(&mut wanted, before);
        wanted
            .volume_attributes_class_name
            .clone_from(&before.volume_attributes_class_name);
    }
    if !is_same(&wanted, &allowed) {
        let hint = diff::hint(&allowed, &wanted);
        errors.push(Error::forbidden(
            &Path::new("spec"),
            format!("{IMMUTABLE}{hint}"),
        ));
    }
    errors.extend(size(spec, old));
    errors.extend(immutable(
        &spec.volume_mode,
        &before.volume_mode,
        &Path::new("volumeMode"),
    ));
    errors.extend(attributes_class(spec, old));
    errors
}

/// The class may move from the annotation into its field, or be named where none was.
fn class(
    claim: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
    wanted: &mut PersistentVolumeClaimSpec,
) -> Option<Error> {
    let annotation = |claim: &PersistentVolumeClaim| {
        let all = claim.metadata.annotations.as_ref();
        all.and_then(|all| all.get(CLASS)).cloned()
    };
    let had_field = old.spec.as_ref()?.storage_class_name.is_some();
    let field = wanted.storage_class_name.clone();
    let (now, before) = (annotation(claim), annotation(old));
    let moved =
        !had_field && before.is_some() && field == before && (now.is_none() || now == before);
    if !had_field && field.is_some() && (before.is_none() || field == before) {
        wanted.storage_class_name = None;
    }
    let (now, before) = (now.unwrap_or_default(), before.unwrap_or_default());
    if now == before || moved {
        return None;
    }
    let path = Path::new("metadata").child("annotations").child(CLASS);
    Some(Error::invalid(&path, now, "field is immutable"))
}

fn requested(spec: &PersistentVolumeClaimSpec) -> Option<&Quantity> {
    spec.resources.as_ref()?.requests.as_ref()?.get("storage")
}

fn keep_size(wanted: &mut PersistentVolumeClaimSpec, before: &PersistentVolumeClaimSpec) {
    let requests = wanted
        .resources
        .as_mut()
        .and_then(|resources| resources.requests.as_mut());
    if let (Some(requests), Some(size)) = (requests, requested(before)) {
        requests.insert("storage".to_owned(), size.clone());
    }
}

/// The same, where amounts are the same however they are written.
fn is_same(one: &PersistentVolumeClaimSpec, other: &PersistentVolumeClaimSpec) -> bool {
    let amounts = |spec: &PersistentVolumeClaimSpec| {
        let resources = spec.resources.clone().unwrap_or_default();
        [resources.requests, resources.limits].map(Option::unwrap_or_default)
    };
    let same = |one: &BTreeMap<String, Quantity>, other: &BTreeMap<String, Quantity>| {
        one.len() == other.len()
            && one.iter().all(|(name, amount)| {
                let same = |other| amount::compare(amount, other).is_eq();
                other.get(name).is_some_and(same)
            })
    };
    let rest = |spec: &PersistentVolumeClaimSpec| PersistentVolumeClaimSpec {
        resources: None,
        ..spec.clone()
    };
    let pairs = amounts(one).into_iter().zip(amounts(other));
    rest(one) == rest(other) && pairs.into_iter().all(|(one, other)| same(&one, &other))
}

/// What is asked for may become less only while growing has not succeeded: never as little as there is.
fn size(spec: &PersistentVolumeClaimSpec, old: &PersistentVolumeClaim) -> Option<Error> {
    let zero = Quantity("0".to_owned());
    let new = requested(spec).unwrap_or(&zero);
    let before = old.spec.as_ref().and_then(requested).unwrap_or(&zero);
    let status = old.status.as_ref();
    let capacity = status
        .and_then(|status| status.capacity.as_ref()?.get("storage"))
        .unwrap_or(&zero);
    if amount::compare(new, before).is_ge() || amount::compare(new, capacity).is_gt() {
        return None;
    }
    let path = Path::new("spec").child("resources").child("requests");
    Some(Error::forbidden(
        &path.child("storage"),
        "field can not be less than status.capacity",
    ))
}

fn attributes_class(
    spec: &PersistentVolumeClaimSpec,
    old: &PersistentVolumeClaim,
) -> Option<Error> {
    let class = &spec.volume_attributes_class_name;
    let current = &old.status.as_ref()?.current_volume_attributes_class_name;
    if current.is_none() || *class == old.spec.as_ref()?.volume_attributes_class_name {
        return None;
    }
    let what = match class.as_deref() {
        None => "nil",
        Some("") => "empty string",
        Some(_) => return None,
    };
    Some(Error::forbidden(
        &Path::new("spec").child("volumeAttributesClassName"),
        format!(
            "update to {what} is forbidden when status.currentVolumeAttributesClassName is not nil"
        ),
    ))
}

/// Checks the status that a claim is given.
pub(super) fn status_errors(claim: &PersistentVolumeClaim) -> ErrorList {
    let Some(status) = &claim.status else {
        return ErrorList::new();
    };
    let mut errors = ErrorList::new();
    let path = Path::new("status");
    for (name, value) in entries(&status.capacity) {
        basic(&mut errors, &path.child("capacity").key(name), value);
    }
    let statuses = path.child("allocatedResourceStatuses");
    for (name, how_far) in entries(&status.allocated_resource_statuses) {
        errors.extend(resource(name, &statuses));
        if !RESIZING.contains(&how_far.as_str()) {
            // Kubernetes tells of what the status is, and not what it is.
            errors.push(Error::not_supported(&statuses, name, RESIZING));
        }
    }
    let allocated = path.child("allocatedResources");
    for (name, value) in entries(&status.allocated_resources) {
        let before = errors.len();
        errors.extend(resource(name, &allocated));
        if errors.len() > before {
            continue;
        }
        let path = allocated.key(name);
        basic(&mut errors, &path, value);
        if errors.len() == before {
            check_quantity(&mut errors, &path, "storage", value);
        }
    }
    errors
}

fn basic(errors: &mut ErrorList, path: &Path, value: &Quantity) {
    let value = amount::value(value);
    if value < 0 {
        errors.push(Error::invalid(
            path,
            value,
            "must be a valid resource quantity",
        ));
    }
}

/// Of Kubernetes' own resources a claim has only storage.
fn resource(name: &str, path: &Path) -> ErrorList {
    let errors = found(name, is_qualified_name(name), path);
    if errors.is_empty() && is_native_resource(name) && name != "storage" {
        return vec![Error::not_supported(path, name, &["storage"])];
    }
    errors
}
