//! Annotations that mean something to a pod, most of them older than the fields in their place.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{AppArmorProfile, PodSpec, SeccompProfile, Toleration};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::text;
use super::context::containers;
use super::{check, placement};

/// A pod that a node runs by itself and only shows to the API.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";
const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// The system call filter of a pod.
pub(super) const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// The system call filter of the container named after it.
pub(super) const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
/// The AppArmor profile of the container named after it.
pub(super) const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

type Annotations = BTreeMap<String, String>;

/// Checks the annotations of a pod or a template; `path` is theirs.
pub(super) fn check(
    errors: &mut ErrorList,
    path: &Path,
    annotations: Option<&Annotations>,
    spec: &PodSpec,
) {
    let Some(annotations) = annotations else {
        return;
    };
    if let Some(value) = annotations
        .get(MIRROR)
        .filter(|_| text(&spec.node_name).is_empty())
    {
        errors.push(Error::invalid(
            &path.key(MIRROR),
            value,
            "must set spec.nodeName if mirror pod annotation is set",
        ));
    }
    if let Some(value) = annotations
        .get(TOLERATIONS)
        .filter(|value| !value.is_empty())
    {
        match serde_json::from_str::<Vec<Toleration>>(value) {
            Err(error) => errors.push(Error::invalid(path, TOLERATIONS, error.to_string())),
            Ok(tolerations) => {
                placement::check_tolerations(errors, &path.child(TOLERATIONS), &tolerations);
            }
        }
    }
    if let Some(value) = annotations
        .get(DELETION_COST)
        .filter(|value| !is_cost(value))
    {
        errors.push(Error::invalid(
            &path.key(DELETION_COST),
            value,
            "must be a 32bit integer",
        ));
    }
    if let Some(profile) = annotations.get(SECCOMP_POD) {
        check_seccomp(errors, &path.child(SECCOMP_POD), profile);
    }
    for (key, profile) in annotations
        .iter()
        .filter(|(key, _)| key.starts_with(SECCOMP_CONTAINER))
    {
        check_seccomp(errors, &path.child(key), profile);
    }
    for (key, profile) in annotations {
        if let Some(container) = key.strip_prefix(APP_ARMOR) {
            check_app_armor(errors, &path.key(key), container, profile, spec);
        }
    }
}

/// A number without plus sign or leading zeros.
fn is_cost(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    value == "0"
        || (digits.starts_with(|c: char| ('1'..='9').contains(&c)) && value.parse::<i32>().is_ok())
}

fn check_seccomp(errors: &mut ErrorList, path: &Path, profile: &str) {
    match profile.strip_prefix("localhost/") {
        Some(file) => check::descending_path(errors, path, file),
        None if matches!(profile, "runtime/default" | "docker/default" | "unconfined") => {}
        None => errors.push(Error::invalid(
            path,
            profile,
            "must be a valid seccomp profile",
        )),
    }
}

fn check_app_armor(
    errors: &mut ErrorList,
    path: &Path,
    container: &str,
    profile: &str,
    spec: &PodSpec,
) {
    let known = containers(spec, &Path::root())
        .iter()
        .any(|(_, other)| other.name == container);
    if !known {
        errors.push(Error::invalid(path, container, "container not found"));
    }
    let well_formed = matches!(profile, "" | "runtime/default" | "unconfined")
        || profile.starts_with("localhost/");
    if !well_formed {
        errors.push(Error::invalid(
            path,
            profile,
            format!("invalid AppArmor profile name: {profile:?}"),
        ));
    }
}

/// Where an annotation and a field say the same thing they must agree. `path` is the spec's.
pub(super) fn check_agreement(
    errors: &mut ErrorList,
    path: &Path,
    annotations: Option<&Annotations>,
    spec: &PodSpec,
) {
    let none = Annotations::new();
    let annotations = annotations.unwrap_or(&none);
    let security = spec.security_context.as_ref();
    let pod_seccomp = security.and_then(|security| security.seccomp_profile.as_ref());
    if let (Some(annotation), Some(field)) = (annotations.get(SECCOMP_POD), pod_seccomp) {
        agree_on_seccomp(
            errors,
            &path.child("securityContext").child("seccompProfile"),
            annotation,
            field,
        );
    }
    let containers = containers(spec, path);
    for (path, container) in &containers {
        let field = container
            .security_context
            .as_ref()
            .and_then(|security| security.seccomp_profile.as_ref());
        if let (Some(annotation), Some(field)) = (
            annotations.get(&format!("{SECCOMP_CONTAINER}{}", container.name)),
            field,
        ) {
            agree_on_seccomp(
                errors,
                &path.child("securityContext").child("seccompProfile"),
                annotation,
                field,
            );
        }
    }
    if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        return;
    }
    let pod_profile = security.and_then(|security| security.app_armor_profile.as_ref());
    for (path, container) in &containers {
        let own = container
            .security_context
            .as_ref()
            .and_then(|security| security.app_armor_profile.as_ref());
        if let (Some(annotation), Some(field)) = (
            annotations.get(&format!("{APP_ARMOR}{}", container.name)),
            own.or(pod_profile),
        ) {
            agree_on_app_armor(
                errors,
                &path.child("securityContext").child("appArmorProfile"),
                annotation,
                field,
            );
        }
    }
}

fn agree_on_seccomp(errors: &mut ErrorList, path: &Path, annotation: &str, field: &SeccompProfile) {
    let file = annotation.strip_prefix("localhost/");
    let same_type = match field.type_.as_str() {
        "Unconfined" => annotation == "unconfined",
        "RuntimeDefault" => matches!(annotation, "runtime/default" | "docker/default"),
        "Localhost" => file.is_some(),
        _ => return,
    };
    agree(
        errors,
        path,
        "seccomp",
        same_type,
        field.type_ == "Localhost" && file != field.localhost_profile.as_deref(),
    );
}

fn agree_on_app_armor(
    errors: &mut ErrorList,
    path: &Path,
    annotation: &str,
    field: &AppArmorProfile,
) {
    let file = annotation.strip_prefix("localhost/");
    let same_type = match field.type_.as_str() {
        "Unconfined" => annotation == "unconfined",
        "RuntimeDefault" => annotation == "runtime/default",
        "Localhost" => file.is_some(),
        _ => return,
    };
    agree(
        errors,
        path,
        "apparmor",
        same_type,
        field.type_ == "Localhost" && file != field.localhost_profile.as_deref(),
    );
}

fn agree(errors: &mut ErrorList, path: &Path, of: &str, same_type: bool, other_file: bool) {
    if !same_type {
        errors.push(Error::forbidden(
            &path.child("type"),
            format!("{of} type in annotation and field must match"),
        ));
    } else if other_file {
        errors.push(Error::forbidden(
            &path.child("localhostProfile"),
            format!("{of} profile in annotation and field must match"),
        ));
    }
}

/// Which of the annotations may not come, go or change once the pod is there.
pub(super) fn check_change(
    errors: &mut ErrorList,
    path: &Path,
    new: Option<&Annotations>,
    old: Option<&Annotations>,
) {
    let about = |key: &str| match key {
        MIRROR => Some("mirror pod annotation"),
        _ if key.starts_with(APP_ARMOR) => Some("AppArmor annotations"),
        _ => None,
    };
    let value = |annotations: Option<&Annotations>, key: &str| {
        annotations.and_then(|it| it.get(key)).cloned()
    };
    for (key, before) in old.into_iter().flatten() {
        if let Some(what) = about(key).filter(|_| value(new, key).as_ref() != Some(before)) {
            errors.push(Error::forbidden(
                &path.key(key),
                format!("may not remove or update {what}"),
            ));
        }
    }
    for (key, _) in new.into_iter().flatten() {
        if let Some(what) = about(key).filter(|_| value(old, key).is_none()) {
            errors.push(Error::forbidden(
                &path.key(key),
                format!("may not add {what}"),
            ));
        }
    }
}

/// The field that says what an AppArmor annotation says; nothing where it says nothing sound.
pub(super) fn app_armor_field(annotation: &str) -> Option<AppArmorProfile> {
    let of = |type_: &str, file: Option<&str>| {
        Some(AppArmorProfile {
            type_: type_.to_owned(),
            localhost_profile: file.map(str::to_owned),
        })
    };
    match (annotation, annotation.strip_prefix("localhost/")) {
        ("unconfined", _) => of("Unconfined", None),
        ("runtime/default", _) => of("RuntimeDefault", None),
        (_, Some(file)) if !file.is_empty() => of("Localhost", Some(file)),
        _ => None,
    }
}
