//! What bindings of both scopes have in common: subjects, and the role that they get.

use k8s_openapi::api::rbac::v1::{RoleRef, Subject};
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use crate::cell;
use crate::check::found;
use crate::empty::drop_empty;
use crate::naming;
use crate::shown::json;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

const GROUP: &str = "rbac.authorization.k8s.io";
const ACCOUNT: &str = "ServiceAccount";
const USER: &str = "User";
const USERS: &str = "Group";

pub(super) fn default_binding(role: &mut RoleRef, subjects: &mut Option<Vec<Subject>>) {
    if group(&role.api_group).is_empty() {
        role.api_group = Some(GROUP.to_owned());
    }
    drop_empty(subjects);
    for subject in subjects.iter_mut().flatten() {
        drop_empty(&mut subject.api_group);
        drop_empty(&mut subject.namespace);
        if matches!(subject.kind.as_str(), USER | USERS) {
            subject.api_group.get_or_insert_with(|| GROUP.to_owned());
        }
    }
}

fn group(group: &Option<String>) -> &str {
    group.as_deref().unwrap_or_default()
}

/// Checks a binding. `kinds`: of what kind the role may be.
pub(super) fn validate_binding(
    role: &RoleRef,
    subjects: Option<&[Subject]>,
    kinds: &[&str],
) -> ErrorList {
    let mut errors = validate_role(role, kinds, &Path::new("roleRef"));
    let path = Path::new("subjects");
    let namespaced = kinds.contains(&"Role");
    for (at, subject) in subjects.unwrap_or_default().iter().enumerate() {
        errors.extend(validate_subject(subject, namespaced, &path.index(at)));
    }
    errors
}

fn validate_role(role: &RoleRef, kinds: &[&str], path: &Path) -> ErrorList {
    let mut errors = of_group(&role.api_group, GROUP, path);
    if !kinds.contains(&role.kind.as_str()) {
        errors.push(Error::not_supported(
            &path.child("kind"),
            role.kind.as_str(),
            kinds,
        ));
    }
    let path = path.child("name");
    if role.name.is_empty() {
        errors.push(Error::required(&path, ""));
    } else {
        let findings = naming::path_segment(&role.name, false);
        errors.extend(found(&role.name, findings, &path));
    }
    errors
}

fn of_group(given: &Option<String>, wanted: &str, path: &Path) -> ErrorList {
    if group(given) == wanted {
        return ErrorList::new();
    }
    let path = path.child("apiGroup");
    vec![Error::not_supported(&path, group(given), &[wanted])]
}

fn validate_subject(subject: &Subject, namespaced: bool, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if subject.name.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    match subject.kind.as_str() {
        ACCOUNT => {
            if !subject.name.is_empty() {
                let findings = naming::subdomain(&subject.name, false);
                errors.extend(found(&subject.name, findings, &path.child("name")));
            }
            errors.extend(of_group(&subject.api_group, "", path));
            if !namespaced && subject.namespace.is_none() {
                errors.push(Error::required(&path.child("namespace"), ""));
            }
        }
        USER | USERS => errors.extend(of_group(&subject.api_group, GROUP, path)),
        other => {
            let kinds = &[ACCOUNT, USER, USERS];
            errors.push(Error::not_supported(&path.child("kind"), other, kinds));
        }
    }
    errors
}

/// A binding is of one role for as long as it is there.
pub(super) fn validate_same_role(role: &RoleRef, old: &RoleRef) -> ErrorList {
    if role == old {
        return ErrorList::new();
    }
    // Shown as Kubernetes keeps it in memory, where members have no other names.
    let shown = serde_json::json!({"APIGroup": group(&role.api_group), "Kind": role.kind, "Name": role.name});
    let path = Path::new("roleRef");
    vec![Error::invalid(&path, json(&shown), "cannot change roleRef")]
}

/// The cells of a binding: its name, the role, its age, and its subjects of each kind.
pub(super) fn cells(
    meta: &ObjectMeta,
    role: &RoleRef,
    subjects: Option<&[Subject]>,
    now: Timestamp,
) -> Vec<Value> {
    let of_kind = |kind: &str| -> Value {
        let subjects = subjects.unwrap_or_default().iter();
        let names = subjects
            .filter(|subject| subject.kind == kind)
            .map(|subject| match kind {
                ACCOUNT => format!(
                    "{}/{}",
                    subject.namespace.as_deref().unwrap_or_default(),
                    subject.name
                ),
                _ => subject.name.clone(),
            });
        names.collect::<Vec<_>>().join(", ").into()
    };
    vec![
        cell::name(meta),
        format!("{}/{}", role.kind, role.name).into(),
        cell::age(meta, now),
        of_kind(USER),
        of_kind(USERS),
        of_kind(ACCOUNT),
    ]
}
