//! Rules, of roles of both scopes.

use k8s_openapi::api::rbac::v1::PolicyRule;
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::empty::drop_empty;
use crate::shown::json;

/// Leaves out what is empty.
pub(super) fn default_rules(rules: &mut Option<Vec<PolicyRule>>) {
    for rule in rules.iter_mut().flatten() {
        drop_empty(&mut rule.api_groups);
        drop_empty(&mut rule.non_resource_urls);
        drop_empty(&mut rule.resource_names);
        drop_empty(&mut rule.resources);
    }
}

/// Checks rules. `namespaced`: of a role, whose rules are about nothing outside of its namespace.
pub(super) fn validate_rules(rules: Option<&[PolicyRule]>, namespaced: bool) -> ErrorList {
    let path = Path::new("rules");
    let rules = rules.unwrap_or_default().iter().enumerate();
    rules
        .flat_map(|(at, rule)| validate_rule(rule, namespaced, &path.index(at)))
        .collect()
}

fn validate_rule(rule: &PolicyRule, namespaced: bool, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if rule.verbs.is_empty() {
        let detail = "verbs must contain at least one value";
        errors.push(Error::required(&path.child("verbs"), detail));
    }
    if let Some(urls) = &rule.non_resource_urls {
        let at = path.child("nonResourceURLs");
        if namespaced {
            let detail = "namespaced rules cannot apply to non-resource URLs";
            errors.push(Error::invalid(&at, json(urls), detail));
        }
        let names_resources =
            rule.api_groups.is_some() || rule.resources.is_some() || rule.resource_names.is_some();
        if names_resources {
            let detail = "rules cannot apply to both regular resources and non-resource URLs";
            errors.push(Error::invalid(&at, json(urls), detail));
        }
        return errors;
    }
    if rule.api_groups.is_none() {
        let detail = "resource rules must supply at least one api group";
        errors.push(Error::required(&path.child("apiGroups"), detail));
    }
    if rule.resources.is_none() {
        let detail = "resource rules must supply at least one resource";
        errors.push(Error::required(&path.child("resources"), detail));
    }
    errors
}
