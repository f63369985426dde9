//! What one rule allows.

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::Attributes;

/// Stands for every verb, group, resource or path.
pub(super) const ALL: &str = "*";

/// Whether a rule allows what is asked for.
pub fn allows(rule: &PolicyRule, attributes: &Attributes<'_>) -> bool {
    if !attributes.resource_request {
        return has(&rule.verbs, attributes.verb) && covers_path(rule, attributes.path);
    }
    let resource = combined(attributes);
    let is_named = |named: &String| {
        named == ALL || *named == *resource || is_part_of_any(named, attributes.subresource)
    };
    list(&rule.resources).iter().any(is_named) && allows_named(rule, attributes)
}

/// The same, of a rule that is known to be about the resource.
pub(super) fn allows_named(rule: &PolicyRule, attributes: &Attributes<'_>) -> bool {
    let names = list(&rule.resource_names);
    has(&rule.verbs, attributes.verb)
        && has(list(&rule.api_groups), attributes.group)
        && (names.is_empty() || names.iter().any(|name| name == attributes.name))
}

/// The resource as rules name it: `pods`, or `pods/log`.
pub(super) fn combined<'a>(attributes: &Attributes<'a>) -> std::borrow::Cow<'a, str> {
    if attributes.subresource.is_empty() {
        attributes.resource.into()
    } else {
        format!("{}/{}", attributes.resource, attributes.subresource).into()
    }
}

/// Whether it is `*/` and the subresource.
fn is_part_of_any(named: &str, subresource: &str) -> bool {
    !subresource.is_empty() && named.strip_prefix("*/") == Some(subresource)
}

/// Whether a rule is about a path that is no resource's.
pub(super) fn covers_path(rule: &PolicyRule, path: &str) -> bool {
    let urls = list(&rule.non_resource_urls).iter();
    urls.into_iter().any(|url| url_covers(url, path))
}

/// Whether a path of a rule, which may end in `*`, is or includes another.
pub(super) fn url_covers(url: &str, path: &str) -> bool {
    url == path || (url.ends_with(ALL) && path.starts_with(url.trim_end_matches('*')))
}

fn has(all: &[String], one: &str) -> bool {
    all.iter().any(|it| it == ALL || it == one)
}

/// What may be left out, as a list.
pub(super) fn list(values: &Option<Vec<String>>) -> &[String] {
    values.as_deref().unwrap_or_default()
}

/// The rules that allow everything.
pub fn full_authority() -> Vec<PolicyRule> {
    let all = || Some(vec![ALL.to_owned()]);
    let resources = PolicyRule {
        verbs: vec![ALL.to_owned()],
        api_groups: all(),
        resources: all(),
        ..Default::default()
    };
    let paths = PolicyRule {
        verbs: vec![ALL.to_owned()],
        non_resource_urls: all(),
        ..Default::default()
    };
    vec![resources, paths]
}
