//! Rules: the requests that a webhook or a policy is asked about.

use k8s_openapi::api::admissionregistration::v1::{NamedRuleWithOperations, RuleWithOperations};
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::check::one_of;
use crate::empty::drop_empty;
use crate::shown::json;

const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const MUTATING_OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "UPDATE"];
const SCOPES: &[&str] = &["*", "Cluster", "Namespaced"];
const ALL: &str = "*";

/// A rule of either kind: the fields that both have.
pub(super) struct Rule<'a> {
    groups: &'a [String],
    versions: &'a [String],
    resources: &'a [String],
    operations: &'a [String],
    scope: Option<&'a str>,
}

impl<'a> From<&'a RuleWithOperations> for Rule<'a> {
    fn from(rule: &'a RuleWithOperations) -> Self {
        Self {
            groups: rule.api_groups.as_deref().unwrap_or_default(),
            versions: rule.api_versions.as_deref().unwrap_or_default(),
            resources: rule.resources.as_deref().unwrap_or_default(),
            operations: rule.operations.as_deref().unwrap_or_default(),
            scope: rule.scope.as_deref(),
        }
    }
}

impl<'a> From<&'a NamedRuleWithOperations> for Rule<'a> {
    fn from(rule: &'a NamedRuleWithOperations) -> Self {
        Self {
            groups: rule.api_groups.as_deref().unwrap_or_default(),
            versions: rule.api_versions.as_deref().unwrap_or_default(),
            resources: rule.resources.as_deref().unwrap_or_default(),
            operations: rule.operations.as_deref().unwrap_or_default(),
            scope: rule.scope.as_deref(),
        }
    }
}

pub(super) fn default_rule(rule: &mut RuleWithOperations) {
    let lists = [
        &mut rule.api_groups,
        &mut rule.api_versions,
        &mut rule.resources,
        &mut rule.operations,
    ];
    lists.into_iter().for_each(drop_empty);
    rule.scope.get_or_insert_with(|| ALL.to_owned());
}

pub(super) fn default_named_rule(rule: &mut NamedRuleWithOperations) {
    let lists = [
        &mut rule.api_groups,
        &mut rule.api_versions,
        &mut rule.resources,
        &mut rule.operations,
        &mut rule.resource_names,
    ];
    lists.into_iter().for_each(drop_empty);
    rule.scope.get_or_insert_with(|| ALL.to_owned());
}

/// Checks a rule.
pub(super) fn validate_rule(rule: &Rule<'_>, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let at = path.child("operations");
    errors.extend(required(rule.operations, &at));
    errors.extend(all_or_some(rule.operations, "operations", &at));
    for (index, operation) in rule.operations.iter().enumerate() {
        errors.extend(one_of(operation, OPERATIONS, &at.index(index)));
    }
    let at = path.child("apiGroups");
    errors.extend(required(rule.groups, &at));
    errors.extend(all_or_some(rule.groups, "API groups", &at));
    let at = path.child("apiVersions");
    errors.extend(required(rule.versions, &at));
    errors.extend(all_or_some(rule.versions, "API versions", &at));
    errors.extend(none_empty(rule.versions, &at));
    errors.extend(validate_resources(rule.resources, &path.child("resources")));
    if let Some(scope) = rule.scope {
        errors.extend(one_of(scope, SCOPES, &path.child("scope")));
    }
    errors
}

/// Nothing is left to change when something is deleted.
pub(super) fn validate_mutating(rules: &[NamedRuleWithOperations], path: &Path) -> ErrorList {
    let operations = rules
        .iter()
        .flat_map(|rule| rule.operations.iter().flatten());
    operations
        .flat_map(|operation| one_of(operation, MUTATING_OPERATIONS, path))
        .collect()
}

fn required(list: &[String], path: &Path) -> Option<Error> {
    list.is_empty().then(|| Error::required(path, ""))
}

fn all_or_some(list: &[String], what: &str, path: &Path) -> Option<Error> {
    let mixed = list.len() > 1 && list.iter().any(|member| member == ALL);
    let detail = format!("if '*' is present, must not specify other {what}");
    mixed.then(|| Error::invalid(path, json(list), detail))
}

fn none_empty(list: &[String], path: &Path) -> ErrorList {
    let empty = list.iter().enumerate().filter(|(_, text)| text.is_empty());
    empty
        .map(|(at, _)| Error::required(&path.index(at), ""))
        .collect()
}

/// Resources are `pods`, `pods/status`, `pods/*`, `*/scale`, `*` (without subresources) or `*/*`.
fn validate_resources(resources: &[String], path: &Path) -> ErrorList {
    let mut errors: ErrorList = required(resources, path).into_iter().collect();
    let (mut with_all_subresources, mut of_all_resources) = (Vec::new(), Vec::new());
    let mut names_one = false;
    for (at, resource) in resources.iter().enumerate() {
        let path = path.index(at);
        if resource.is_empty() {
            errors.push(Error::required(&path, ""));
            continue;
        }
        let Some((name, sub)) = resource.split_once('/') else {
            names_one = resource != ALL;
            continue;
        };
        let covered = |by: String| {
            let detail = format!("if '{by}' is present, must not specify {resource}");
            Error::invalid(&path, resource.as_str(), detail)
        };
        if with_all_subresources.contains(&name) {
            errors.push(covered(format!("{name}/*")));
        }
        if of_all_resources.contains(&sub) {
            errors.push(covered(format!("*/{sub}")));
        }
        if sub == ALL {
            with_all_subresources.push(name);
        }
        if name == ALL {
            of_all_resources.push(sub);
        }
    }
    let has = |wanted: &str| resources.iter().any(|resource| resource == wanted);
    if resources.len() > 1 && has("*/*") {
        let detail = "if '*/*' is present, must not specify other resources";
        errors.push(Error::invalid(path, json(resources), detail));
    }
    if has(ALL) && names_one {
        let detail = "if '*' is present, must not specify other resources without subresources";
        errors.push(Error::invalid(path, json(resources), detail));
    }
    errors
}
