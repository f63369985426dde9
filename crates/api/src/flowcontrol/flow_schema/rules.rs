//! Who, doing what.

use k8s_openapi::api::flowcontrol::v1::{
    NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule, ServiceAccountSubject,
    Subject,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_label;

use crate::check::{dns_label, dns_subdomain};
use crate::pod::absent::items;
use crate::shown::json;

const ANY: &str = "*";
const VERBS: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "proxy",
    "update",
    "watch",
];
const KINDS: &[&str] = &["Group", "ServiceAccount", "User"];

/// Checks a rule.
pub(super) fn check(rule: &PolicyRulesWithSubjects, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let subjects = path.child("subjects");
    if rule.subjects.is_empty() {
        let detail = "subjects must contain at least one value";
        errors.push(Error::required(&subjects, detail));
    }
    for (at, subject) in rule.subjects.iter().enumerate() {
        check_subject(&mut errors, &subjects.index(at), subject);
    }
    let (resources, others) = (items(&rule.resource_rules), items(&rule.non_resource_rules));
    if resources.is_empty() && others.is_empty() {
        let detail = "at least one of resourceRules and nonResourceRules has to be non-empty";
        errors.push(Error::required(path, detail));
    }
    for (at, rule) in resources.iter().enumerate() {
        check_resources(&mut errors, &path.child("resourceRules").index(at), rule);
    }
    for (at, rule) in others.iter().enumerate() {
        check_others(&mut errors, &path.child("nonResourceRules").index(at), rule);
    }
    errors
}

fn check_subject(errors: &mut ErrorList, path: &Path, subject: &Subject) {
    let kind = subject.kind.as_str();
    let name = |name: &String| name.clone();
    match kind {
        "ServiceAccount" => check_account(errors, path, subject.service_account.as_ref()),
        "User" => {
            let name = subject.user.as_ref().map(|user| name(&user.name));
            check_named(errors, &path.child("user"), name, "user", kind);
        }
        "Group" => {
            let name = subject.group.as_ref().map(|group| name(&group.name));
            check_named(errors, &path.child("group"), name, "group", kind);
        }
        _ => {
            errors.push(Error::not_supported(&path.child("kind"), kind, KINDS));
            return;
        }
    }
    let others = [
        (
            "serviceAccount",
            "ServiceAccount",
            subject.service_account.is_some(),
        ),
        ("user", "User", subject.user.is_some()),
        ("group", "Group", subject.group.is_some()),
    ];
    for (field, other, _) in others
        .into_iter()
        .filter(|(_, other, is_set)| *is_set && *other != kind)
    {
        let detail = format!("{field} is forbidden when subject kind is not '{other}'");
        errors.push(Error::forbidden(&path.child(field), detail));
    }
}

fn check_named(errors: &mut ErrorList, path: &Path, name: Option<String>, field: &str, kind: &str) {
    match name {
        None => {
            let detail = format!("{field} is required when subject kind is '{kind}'");
            errors.push(Error::required(path, detail));
        }
        Some(name) if name.is_empty() => errors.push(Error::required(&path.child("name"), "")),
        Some(_) => {}
    }
}

fn check_account(errors: &mut ErrorList, path: &Path, account: Option<&ServiceAccountSubject>) {
    let path = path.child("serviceAccount");
    let Some(account) = account else {
        let detail = "serviceAccount is required when subject kind is 'ServiceAccount'";
        errors.push(Error::required(&path, detail));
        return;
    };
    match account.name.as_str() {
        "" => errors.push(Error::required(&path.child("name"), "")),
        ANY => {}
        name => errors.extend(dns_subdomain(name, &path.child("name"))),
    }
    let path = path.child("namespace");
    match account.namespace.as_str() {
        "" => errors.push(Error::required(
            &path,
            "must specify namespace for service account",
        )),
        namespace => errors.extend(dns_label(namespace, &path)),
    }
}

/// A list that says everything says nothing else. Answers whether it does.
fn check_list(
    errors: &mut ErrorList,
    path: &Path,
    list: &[String],
    missing: &str,
    members: &str,
) -> bool {
    let has_any = list.iter().any(|member| member == ANY);
    if list.is_empty() {
        errors.push(Error::required(path, missing));
    } else if has_any && list.len() > 1 {
        let detail = format!("if '*' is present, must not specify other {members}");
        errors.push(Error::invalid(path, json(list), detail));
    }
    has_any
}

fn check_verbs(errors: &mut ErrorList, path: &Path, verbs: &[String]) {
    let path = path.child("verbs");
    let missing = "verbs must contain at least one value";
    let has_any = check_list(errors, &path, verbs, missing, "verbs");
    if !has_any && verbs.iter().any(|verb| !VERBS.contains(&verb.as_str())) {
        errors.push(Error::not_supported(&path, json(verbs), VERBS));
    }
}

fn check_resources(errors: &mut ErrorList, path: &Path, rule: &ResourcePolicyRule) {
    check_verbs(errors, path, &rule.verbs);
    check_list(
        errors,
        &path.child("apiGroups"),
        &rule.api_groups,
        "resource rules must supply at least one api group",
        "api groups",
    );
    check_list(
        errors,
        &path.child("resources"),
        &rule.resources,
        "resource rules must supply at least one resource",
        "resources",
    );
    let path = path.child("namespaces");
    let namespaces = items(&rule.namespaces);
    if namespaces.is_empty() && rule.cluster_scope == Some(true) {
        return;
    }
    let missing = "resource rules that are not cluster scoped must supply at least one namespace";
    if check_list(errors, &path, namespaces, missing, "namespaces") {
        return;
    }
    for (at, namespace) in namespaces.iter().enumerate() {
        for finding in is_dns1123_label(namespace) {
            let detail =
                format!("each member of this list must be '*' or a DNS-1123 label; {finding}");
            errors.push(Error::invalid(&path.index(at), namespace, detail));
        }
    }
}

fn check_others(errors: &mut ErrorList, path: &Path, rule: &NonResourcePolicyRule) {
    check_verbs(errors, path, &rule.verbs);
    let path = path.child("nonResourceURLs");
    let urls = &rule.non_resource_urls;
    let missing = "nonResourceURLs must contain at least one value";
    if check_list(errors, &path, urls, missing, "non-resource URLs") {
        return;
    }
    for (at, url) in urls.iter().enumerate() {
        if let Some(detail) = url_error(url) {
            errors.push(Error::invalid(&path.index(at), url, detail));
        }
    }
}

/// A path, at whose end may be `/*`.
fn url_error(url: &str) -> Option<&'static str> {
    match url {
        "" => Some("must not be empty"),
        "/" => None,
        url if !url.starts_with('/') => Some("must start with slash"),
        url if url.contains(' ') => Some("must not contain white-space"),
        url if url.contains("//") => Some("must not contain double slash"),
        url => match url.matches('*').count() {
            0 => None,
            1 if url.ends_with("/*") => None,
            _ => Some("wildcard can only do suffix matching"),
        },
    }
}
