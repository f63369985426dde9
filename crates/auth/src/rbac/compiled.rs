//! The rules of a role, found by the resource they are about.

use std::collections::HashMap;

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::rule::{ALL, allows_named, combined, covers_path, list};
use crate::Attributes;

/// The rules of a role.
#[derive(Debug)]
pub(super) struct Compiled {
    rules: Vec<PolicyRule>,
    /// Which rules are about every resource.
    all: Vec<u32>,
    /// Which rules are about a resource, as they name it: `pods`, `pods/log`, `*/scale`.
    by_resource: HashMap<Box<str>, Vec<u32>>,
    /// Whether any is about a part of every resource.
    has_parts: bool,
    /// Which rules are about paths.
    paths: Vec<u32>,
}

/// What is asked for, with what is looked up of it made once for all roles.
pub(super) struct Wanted<'a> {
    attributes: &'a Attributes<'a>,
    resource: std::borrow::Cow<'a, str>,
    /// `*/log`, where it is a subresource.
    part: Option<String>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(attributes: &'a Attributes<'a>) -> Self {
        let subresource = attributes.subresource;
        Self {
            resource: combined(attributes),
            part: (!subresource.is_empty()).then(|| format!("*/{subresource}")),
            attributes,
        }
    }
}

impl Compiled {
    pub(super) fn new(rules: Vec<PolicyRule>) -> Self {
        let (mut all, mut paths) = (Vec::new(), Vec::new());
        let mut by_resource: HashMap<Box<str>, Vec<u32>> = HashMap::new();
        for (rule, at) in rules.iter().zip(0..) {
            for resource in list(&rule.resources) {
                match resource.as_str() {
                    ALL => all.push(at),
                    one => by_resource.entry(one.into()).or_default().push(at),
                }
            }
            if !list(&rule.non_resource_urls).is_empty() {
                paths.push(at);
            }
        }
        Self {
            has_parts: by_resource.keys().any(|name| name.starts_with("*/")),
            rules,
            all,
            by_resource,
            paths,
        }
    }

    pub(super) fn rules(&self) -> &[PolicyRule] {
        &self.rules
    }

    pub(super) fn allow(&self, wanted: &Wanted<'_>) -> bool {
        let attributes = wanted.attributes;
        if !attributes.resource_request {
            let verb = |it: &String| it == ALL || it == attributes.verb;
            return self.any(&self.paths, |rule| {
                rule.verbs.iter().any(verb) && covers_path(rule, attributes.path)
            });
        }
        let one = |rule: &PolicyRule| allows_named(rule, attributes);
        let of = |name: &str| self.by_resource.get(name).map_or(&[][..], Vec::as_slice);
        let part = wanted.part.as_deref().filter(|_| self.has_parts);
        self.any(&self.all, one)
            || self.any(of(&wanted.resource), one)
            || part.is_some_and(|part| self.any(of(part), one))
    }

    fn any(&self, which: &[u32], test: impl Fn(&PolicyRule) -> bool) -> bool {
        let mut rules = which.iter().filter_map(|at| self.rules.get(*at as usize));
        rules.any(test)
    }
}
