//! What a quota may say.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    ResourceQuotaSpec, ResourceQuotaStatus, ScopeSelector, ScopedResourceSelectorRequirement,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::pod::amount::{compare, shown};
use crate::pod::resource_names::{STANDARD, is_hugepages};
use crate::pod::{validate_quantity, validate_resource_name};
use crate::shown::{Raw, json};

type Amounts = BTreeMap<String, Quantity>;

/// What quotas can be about, beside all objects.
const SCOPES: &[&str] = &[
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "VolumeAttributesClass",
    "CrossNamespacePodAffinity",
];
/// No object is in both.
const OPPOSITES: &[[&str; 2]] = &[
    ["BestEffort", "NotBestEffort"],
    ["Terminating", "NotTerminating"],
];

pub(super) fn spec(spec: &ResourceQuotaSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = amounts(spec.hard.as_ref(), &path.child("hard"));
    errors.extend(scopes(spec, &path.child("scopes")));
    if let Some(selector) = &spec.scope_selector {
        let path = path.child("scopeSelector").child("matchExpressions");
        errors.extend(scope_selector(spec, selector, &path));
    }
    errors
}

pub(super) fn status(status: &ResourceQuotaStatus) -> ErrorList {
    let path = Path::new("status");
    let mut errors = amounts(status.hard.as_ref(), &path.child("hard"));
    errors.extend(amounts(status.used.as_ref(), &path.child("used")));
    errors
}

fn amounts(list: Option<&Amounts>, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (name, value) in list.into_iter().flatten() {
        let path = path.key(name);
        errors.extend(validate_resource_name(name, &path));
        if !name.contains('/') && !is_counted(name) {
            let detail = "must be a standard resource for quota";
            errors.push(Error::invalid(&path, name, detail));
        }
        errors.extend(validate_quantity(name, value, &path));
    }
    errors
}

/// Whether a name without a domain is that of something a quota counts.
fn is_counted(name: &str) -> bool {
    let is_standard = STANDARD.contains(&name) && name != "storage";
    is_standard || is_hugepages(name) || name.starts_with("requests.hugepages-")
}

/// Whether a scope makes sense for what is counted.
fn fits(scope: &str, name: &str) -> bool {
    let is_compute = matches!(
        name,
        "cpu" | "memory" | "limits.cpu" | "limits.memory" | "requests.cpu" | "requests.memory"
    );
    match scope {
        "BestEffort" => name == "pods",
        "VolumeAttributesClass" => matches!(name, "persistentvolumeclaims" | "requests.storage"),
        _ if SCOPES.contains(&scope) => name == "pods" || is_compute,
        _ => true,
    }
}

/// How many of the resources that are limited a scope does not fit.
fn misfits(spec: &ResourceQuotaSpec, scope: &str) -> usize {
    let names = spec.hard.iter().flatten().map(|(name, _)| name);
    names
        .filter(|name| is_counted(name) && !fits(scope, name))
        .count()
}

fn scopes(spec: &ResourceQuotaSpec, path: &Path) -> ErrorList {
    let scopes = spec.scopes.as_deref().unwrap_or_default();
    let invalid = |detail| Error::invalid(path, json(scopes), detail);
    let mut errors = ErrorList::new();
    for scope in scopes {
        if !SCOPES.contains(&scope.as_str()) {
            errors.push(invalid("unsupported scope"));
        }
        for _ in 0..misfits(spec, scope) {
            errors.push(invalid("unsupported scope applied to resource"));
        }
    }
    let names = scopes.iter().map(String::as_str).collect();
    errors.extend((0..opposites(&names)).map(|_| invalid("conflicting scopes")));
    errors
}

fn opposites(scopes: &BTreeSet<&str>) -> usize {
    let pairs = OPPOSITES.iter();
    pairs
        .filter(|pair| pair.iter().all(|it| scopes.contains(it)))
        .count()
}

fn scope_selector(spec: &ResourceQuotaSpec, selector: &ScopeSelector, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut names = BTreeSet::new();
    for requirement in selector.match_expressions.iter().flatten() {
        let scope = requirement.scope_name.as_str();
        names.insert(scope);
        if !SCOPES.contains(&scope) {
            let path = path.child("scopeName");
            errors.push(Error::invalid(&path, scope, "unsupported scope"));
        }
        for _ in 0..misfits(spec, scope) {
            let detail = "unsupported scope applied to resource";
            errors.push(Error::invalid(path, shown_selector(selector), detail));
        }
        errors.extend(requirement_errors(requirement, path));
    }
    let scopes = json(&spec.scopes).0;
    errors.extend((0..opposites(&names)).map(|_| {
        let scopes = Raw(scopes.clone());
        Error::invalid(path, scopes, "conflicting scopes")
    }));
    errors
}

fn requirement_errors(requirement: &ScopedResourceSelectorRequirement, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let (scope, operator) = (
        requirement.scope_name.as_str(),
        requirement.operator.as_str(),
    );
    let has_values = !matches!(scope, "PriorityClass" | "VolumeAttributesClass");
    if has_values && SCOPES.contains(&scope) && operator != "Exists" {
        let detail = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
            ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or \
            ResourceQuotaScopeCrossNamespacePodAffinity";
        errors.push(Error::invalid(&path.child("operator"), operator, detail));
    }
    let values = requirement.values.as_deref().unwrap_or_default();
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            let detail =
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
            errors.push(Error::required(&path.child("values"), detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail =
                "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            errors.push(Error::invalid(&path.child("values"), json(values), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => {
            let detail = "not a valid selector operator";
            errors.push(Error::invalid(&path.child("operator"), operator, detail));
        }
    }
    errors
}

/// Under the names that Kubernetes has for it inside.
fn shown_selector(selector: &ScopeSelector) -> Raw {
    let requirements = selector.match_expressions.iter().flatten();
    let shown: Vec<String> = requirements
        .map(|it| {
            let (scope, operator) = (json(&it.scope_name).0, json(&it.operator).0);
            let values = json(&it.values).0;
            format!(r#"{{"ScopeName":{scope},"Operator":{operator},"Values":{values}}}"#)
        })
        .collect();
    Raw(format!(r#"{{"MatchExpressions":[{}]}}"#, shown.join(",")))
}

/// What a quota is about stays.
pub(super) fn same_scopes(
    new: Option<&ResourceQuotaSpec>,
    old: Option<&ResourceQuotaSpec>,
) -> Option<Error> {
    let new = new.and_then(|spec| spec.scopes.as_ref());
    let old = old.and_then(|spec| spec.scopes.as_ref());
    let set = |scopes: Option<&Vec<String>>| -> BTreeSet<String> {
        scopes.into_iter().flatten().cloned().collect()
    };
    let path = Path::new("spec").child("scopes");
    (set(new) != set(old)).then(|| Error::invalid(&path, json(&new), "field is immutable"))
}

/// Who may ask for more than the limits come to has most likely mixed them up.
pub(super) fn warnings(hard: &Amounts) -> Vec<String> {
    ["cpu", "memory", "storage", "ephemeral-storage"]
        .into_iter()
        .filter_map(|name| {
            let bare = matches!(name, "cpu" | "memory").then_some(name);
            let requests = format!("requests.{name}");
            let request = hard
                .get_key_value(&requests)
                .or_else(|| hard.get_key_value(bare?))?;
            let limit = hard.get_key_value(&format!("limits.{name}"))?;
            (compare(request.1, limit.1) == Ordering::Greater).then(|| {
                format!(
                    "ResourceQuota {} ({}) should be less than {} ({})",
                    request.0,
                    shown(request.1),
                    limit.0,
                    shown(limit.1)
                )
            })
        })
        .collect()
}
