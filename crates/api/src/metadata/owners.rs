//! Owner references and finalizers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_qualified_name;

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
                errors.push(Error::invalid(path, json(owners), detail));
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
            json(owner),
            "/v1, Kind=Event is disallowed from being an owner",
        ));
    }
    errors
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
