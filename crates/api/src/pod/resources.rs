//! Resources that containers and pods ask for and are limited to.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ResourceClaim, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::{entries, items, text};
use super::resource_names::{
    STANDARD, WHOLE, is_extended, is_hugepages, is_native, is_overcommitable, is_pod_level,
};
use super::{amount, check};

/// Whose resources they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// A container's, or a pod's overhead.
    Container,
    /// The pod's as a whole.
    Pod,
}

/// Checks names, amounts, and that requests keep within limits. `claims`: the pod's resource claims.
pub(super) fn check(
    errors: &mut ErrorList,
    path: &Path,
    resources: &ResourceRequirements,
    holder: Holder,
    claims: &BTreeSet<&str>,
) {
    let limits_path = path.child("limits");
    let requests_path = path.child("requests");
    for (name, limit) in entries(&resources.limits) {
        amount_of(errors, &limits_path.key(name), name, limit, holder);
        huge_pages(errors, &limits_path.key(name), name, limit);
    }
    for (name, request) in entries(&resources.requests) {
        amount_of(errors, &requests_path.key(name), name, request, holder);
        let limit = resources
            .limits
            .as_ref()
            .and_then(|limits| limits.get(name));
        within(errors, path, name, request, limit);
        huge_pages(errors, &requests_path.key(name), name, request);
    }
    let named = || {
        entries(&resources.limits)
            .chain(entries(&resources.requests))
            .map(|(name, _)| name.as_str())
    };
    if named().any(is_hugepages) && !named().any(|name| matches!(name, "cpu" | "memory")) {
        errors.push(Error::forbidden(path, "HugePages require cpu or memory"));
    }
    claim_names(
        errors,
        &path.child("claims"),
        items(&resources.claims),
        claims,
    );
}

fn amount_of(errors: &mut ErrorList, path: &Path, name: &str, value: &Quantity, holder: Holder) {
    match holder {
        Holder::Container => container_name(errors, path, name),
        Holder::Pod => pod_name(errors, path, name),
    }
    quantity(errors, path, name, value);
}

/// The amount of a resource: not negative, and whole where things are counted.
pub(crate) fn quantity(errors: &mut ErrorList, path: &Path, name: &str, value: &Quantity) {
    if amount::is_negative(value) {
        errors.push(Error::invalid(
            path,
            amount::shown(value),
            "must be greater than or equal to 0",
        ));
    }
    if (WHOLE.contains(&name) || is_extended(name)) && !amount::is_whole(value) {
        errors.push(Error::invalid(
            path,
            amount::shown(value),
            "must be an integer",
        ));
    }
}

/// Checks the overhead of pods; `path` is that of which it is the limits.
pub fn validate_overhead(overhead: Option<&BTreeMap<String, Quantity>>, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let limits = ResourceRequirements {
        limits: overhead.cloned(),
        ..Default::default()
    };
    check(
        &mut errors,
        path,
        &limits,
        Holder::Container,
        &BTreeSet::new(),
    );
    errors
}

/// Checks an amount: not negative, and whole where things are counted.
pub fn validate_quantity(name: &str, value: &Quantity, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    quantity(&mut errors, path, name, value);
    errors
}

/// Checks the name of a resource of any sort.
pub fn validate_resource_name(name: &str, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    any_name(&mut errors, path, name);
    errors
}

/// Checks the name of a resource that a container may have.
pub fn validate_container_resource_name(name: &str, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    container_name(&mut errors, path, name);
    errors
}

/// Answers whether the name is well formed.
fn any_name(errors: &mut ErrorList, path: &Path, name: &str) -> bool {
    let before = errors.len();
    check::qualified_name(errors, path, name);
    let well_formed = errors.len() == before;
    let hugepages = is_hugepages(name) || name.starts_with("requests.hugepages-");
    if well_formed && !name.contains('/') && !STANDARD.contains(&name) && !hugepages {
        errors.push(Error::invalid(
            path,
            name,
            "must be a standard resource type or fully qualified",
        ));
    }
    errors.len() == before
}

fn container_name(errors: &mut ErrorList, path: &Path, name: &str) {
    any_name(errors, path, name);
    if !name.contains('/') {
        if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !is_hugepages(name) {
            errors.push(Error::invalid(
                path,
                name,
                "must be a standard resource for containers",
            ));
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.push(Error::invalid(
            path,
            name,
            "doesn't follow extended resource name standard",
        ));
    }
}

fn pod_name(errors: &mut ErrorList, path: &Path, name: &str) {
    if any_name(errors, path, name) && !is_pod_level(name) {
        errors.push(Error::not_supported(
            path,
            name,
            &["cpu", "hugepages-", "memory"],
        ));
    }
}

/// A request is at most the limit, and just the limit where nothing can be promised twice.
fn within(
    errors: &mut ErrorList,
    path: &Path,
    name: &str,
    request: &Quantity,
    limit: Option<&Quantity>,
) {
    let requests = path.child("requests");
    let Some(limit) = limit else {
        if !is_overcommitable(name) {
            errors.push(Error::required(
                &path.child("limits"),
                "Limit must be set for non overcommitable resources",
            ));
        }
        return;
    };
    let order = amount::compare(request, limit);
    let (asked, allowed) = (amount::shown(request), amount::shown(limit));
    if order.is_ne() && !is_overcommitable(name) {
        errors.push(Error::invalid(
            &requests,
            asked,
            format!("must be equal to {name} limit of {allowed}"),
        ));
    } else if order.is_gt() {
        errors.push(Error::invalid(
            &requests,
            asked,
            format!("must be less than or equal to {name} limit of {allowed}"),
        ));
    }
}

/// Huge pages come whole.
fn huge_pages(errors: &mut ErrorList, path: &Path, name: &str, value: &Quantity) {
    let Some(size) = name.strip_prefix("hugepages-") else {
        return;
    };
    if !amount::is_multiple(value, &Quantity(size.to_owned())) {
        let shown = amount::shown(value);
        errors.push(Error::invalid(
            path,
            &shown,
            format!("{shown} is not positive integer multiple of {name}"),
        ));
    }
}

/// Claims that a container uses must be the pod's, and none twice, be it whole or in parts.
fn claim_names(
    errors: &mut ErrorList,
    path: &Path,
    used: &[ResourceClaim],
    claims: &BTreeSet<&str>,
) {
    let mut seen = BTreeSet::new();
    for (index, claim) in used.iter().enumerate() {
        let path = path.index(index);
        if claim.name.is_empty() {
            errors.push(Error::required(&path, ""));
            continue;
        }
        claim_once(errors, &path, claim, &mut seen);
        if !claims.contains(claim.name.as_str()) {
            let known: Vec<&str> = claims.iter().copied().collect();
            let of_them = if known.is_empty() {
                " which is empty".to_owned()
            } else {
                format!(": {}", known.join(", "))
            };
            let mut error = Error::not_found(&path, &claim.name);
            error.detail = format!("must be one of the names in pod.spec.resourceClaims{of_them}");
            errors.push(error);
        }
    }
}

fn claim_once(
    errors: &mut ErrorList,
    path: &Path,
    claim: &ResourceClaim,
    seen: &mut BTreeSet<String>,
) {
    let request = text(&claim.request);
    if seen.contains(&claim.name) {
        errors.push(Error::duplicate(path, &claim.name));
        return;
    }
    let mut key = claim.name.clone();
    if !request.is_empty() {
        check::label(errors, &path.child("request"), request);
        key = format!("{key}/{request}");
    }
    let in_parts = || {
        seen.iter().any(|key| {
            key.split_once('/')
                .is_some_and(|(name, _)| name == claim.name)
        })
    };
    if seen.contains(&key) || (request.is_empty() && in_parts()) {
        errors.push(Error::duplicate(path, &key));
    }
    seen.insert(key);
}
