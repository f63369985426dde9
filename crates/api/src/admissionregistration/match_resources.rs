//! What a policy is about.

use k8s_openapi::api::admissionregistration::v1::{MatchResources, NamedRuleWithOperations};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::rule::{default_named_rule, validate_rule};
use crate::check::{found, one_of};
use crate::empty::{drop_empty, drop_empty_selector};
use crate::metadata::validate_label_selector;
use crate::naming;

const MATCH_POLICIES: &[&str] = &["Equivalent", "Exact"];

/// A policy or a webhook sees an object in whatever version it comes, unless it says otherwise.
pub(super) fn default_match_policy(policy: &mut Option<String>) {
    policy.get_or_insert_with(|| "Equivalent".to_owned());
}

/// A selector that is not there selects everything.
pub(super) fn default_selector(selector: &mut Option<LabelSelector>) {
    drop_empty_selector(selector.get_or_insert_default());
}

pub(super) fn default_match_resources(resources: &mut MatchResources) {
    default_match_policy(&mut resources.match_policy);
    default_selector(&mut resources.namespace_selector);
    default_selector(&mut resources.object_selector);
    let lists = [
        &mut resources.resource_rules,
        &mut resources.exclude_resource_rules,
    ];
    for rules in lists {
        drop_empty(rules);
        rules.iter_mut().flatten().for_each(default_named_rule);
    }
}

pub(super) fn validate_match_policy(policy: Option<&str>, path: &Path) -> ErrorList {
    let policy = policy.iter();
    policy
        .flat_map(|policy| one_of(policy, MATCH_POLICIES, path))
        .collect()
}

/// Checks what a policy is about, after its defaults.
pub(super) fn validate_match_resources(resources: &MatchResources, path: &Path) -> ErrorList {
    let policy = resources.match_policy.as_deref();
    let mut errors = validate_match_policy(policy, &path.child("matchPolicy"));
    let selectors = [
        (&resources.namespace_selector, "namespaceSelector"),
        (&resources.object_selector, "objectSelector"),
    ];
    for (selector, name) in selectors {
        if let Some(selector) = selector {
            errors.extend(validate_label_selector(selector, &path.child(name)));
        }
    }
    let lists = [
        (&resources.resource_rules, "resourceRules"),
        (&resources.exclude_resource_rules, "excludeResourceRules"),
    ];
    for (rules, name) in lists {
        for (at, rule) in rules.iter().flatten().enumerate() {
            errors.extend(validate_named_rule(rule, &path.child(name).index(at)));
        }
    }
    errors
}

fn validate_named_rule(rule: &NamedRuleWithOperations, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let names = rule.resource_names.as_deref().unwrap_or_default();
    for (at, name) in names.iter().enumerate() {
        let path = path.child("resourceNames").index(at);
        errors.extend(found(name, naming::path_segment(name, false), &path));
        if names[..at].contains(name) {
            errors.push(Error::duplicate(&path, name.as_str()));
        }
    }
    errors.extend(validate_rule(&rule.into(), path));
    errors
}

/// Checks what a policy itself is about, and that it is about something.
pub(super) fn validate_match_constraints(
    constraints: Option<&MatchResources>,
    path: &Path,
) -> ErrorList {
    let Some(constraints) = constraints else {
        return vec![Error::required(path, "")];
    };
    let mut errors = validate_match_resources(constraints, path);
    if constraints.resource_rules.is_none() {
        errors.push(Error::required(&path.child("resourceRules"), ""));
    }
    errors
}
