//! Owner references and finalizers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_qualified_name;

use serde::Serialize;

use crate::check::found;
use crate::shown::{Raw, json};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// Checks the references and that at most one is the controller's.
pub(super) fn validate_owners(owners: &[OwnerReference], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut controller: Option<String> = None;
    for owner in owners {
        errors.extend(validate_owner(owner, path));
        if owner.controller != Some(true) {
            continue;
        }
        let this = format!("{}/{}", owner.kind, owner.name);
        match &controller {
            None => controller = Some(this),
            Some(first) => {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                );
                errors.push(Error::invalid(path, shown(owners), detail));
            }
        }
    }
    errors
}

fn validate_owner(owner: &OwnerReference, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    // What has no slash is a version of the core group; what has two is no version at all.
    let version = match owner.api_version.split('/').collect::<Vec<_>>().as_slice() {
        [version] | [_, version] => *version,
        _ => "",
    };
    if version.is_empty() {
        errors.push(Error::invalid(
            &path.child("apiVersion"),
            owner.api_version.as_str(),
            "version must not be empty",
        ));
    }
    for (name, value) in [
        ("kind", &owner.kind),
        ("name", &owner.name),
        ("uid", &owner.uid),
    ] {
        if value.is_empty() {
            errors.push(Error::invalid(
                &path.child(name),
                value.as_str(),
                "must not be empty",
            ));
        }
    }
    if owner.api_version == "v1" && owner.kind == "Event" {
        errors.push(Error::invalid(
            path,
            json(&Owner::of(owner)),
            "/v1, Kind=Event is disallowed from being an owner",
        ));
    }
    errors
}

/// A reference with its members in the order in which Go has them, which a refusal shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Owner<'a> {
    api_version: &'a str,
    kind: &'a str,
    name: &'a str,
    uid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_owner_deletion: Option<bool>,
}

impl<'a> Owner<'a> {
    fn of(owner: &'a OwnerReference) -> Self {
        Self {
            api_version: &owner.api_version,
            kind: &owner.kind,
            name: &owner.name,
            uid: &owner.uid,
            controller: owner.controller,
            block_owner_deletion: owner.block_owner_deletion,
        }
    }
}

fn shown(owners: &[OwnerReference]) -> Raw {
    let owners: Vec<Owner<'_>> = owners.iter().map(Owner::of).collect();
    json(&owners)
}

/// Checks finalizers' names, and that dependents are not to be orphaned and deleted at once.
pub(super) fn validate_finalizers(finalizers: &[String], path: &Path) -> ErrorList {
    let mut errors: ErrorList = finalizers
        .iter()
        .flat_map(|f| found(f, is_qualified_name(f), path))
        .collect();
    if finalizers.iter().any(|f| f == ORPHAN) && finalizers.iter().any(|f| f == FOREGROUND) {
        let detail = format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set");
        errors.push(Error::invalid(path, json(finalizers), detail));
    }
    errors
}

/// Without a domain, a finalizer is one of Kubernetes' own. Some kinds take any.
pub fn validate_known_finalizers(meta: &ObjectMeta) -> ErrorList {
    let path = Path::new("metadata").child("finalizers");
    let finalizers = meta.finalizers.iter().flatten().enumerate();
    finalizers
        .filter_map(|(at, name)| check_known_finalizer(name, &path.index(at)))
        .collect()
}

/// A complaint about a finalizer that has no domain and is none of Kubernetes' own.
pub(crate) fn check_known_finalizer(name: &str, path: &Path) -> Option<Error> {
    if name.contains('/') || matches!(name, "kubernetes" | ORPHAN | FOREGROUND) {
        return None;
    }
    let detail = "name is neither a standard finalizer name nor is it fully qualified";
    Some(Error::invalid(path, name, detail))
}

/// An object on its way out takes no new finalizers.
pub(super) fn validate_no_new_finalizers(new: &[String], old: &[String], path: &Path) -> ErrorList {
    let mut added: Vec<&String> = new.iter().filter(|f| !old.contains(f)).collect();
    added.sort();
    added.dedup();
    if added.is_empty() {
        return ErrorList::new();
    }
    let shown: Vec<String> = added.iter().map(|f| json(f).0).collect();
    let shown = Raw(format!("[]string{{{}}}", shown.join(", ")));
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers {}",
        shown.0
    );
    vec![Error::forbidden(path, detail)]
}
