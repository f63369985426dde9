//! Nobody gives more than they have: whether rules are covered by others, and the words for what is not.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::missing::Missing;
use super::rule::{ALL, list, url_covers};
use crate::UserInfo;

/// Into how many atoms the rules that somebody gives may fall. All bootstrap roles together fall into some 3,000.
const ATOMS: usize = 200_000;

/// How many words are compared at most: those of what somebody has, once for each atom that they give.
const COMPARED: usize = 50_000_000;

/// The least that a rule can allow: one verb of one resource, perhaps of one name, or of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Atom<'a> {
    Resource {
        group: &'a str,
        resource: &'a str,
        verb: &'a str,
        name: Option<&'a str>,
    },
    Path {
        url: &'a str,
        verb: &'a str,
    },
}

/// What `wanted` allows beyond `held`, in rules of one verb each; none: it is covered.
pub fn uncovered(held: &[PolicyRule], wanted: &[PolicyRule]) -> Vec<PolicyRule> {
    missing(held, wanted).into_iter().map(to_rule).collect()
}

fn missing<'a>(held: &[PolicyRule], wanted: &'a [PolicyRule]) -> Vec<Atom<'a>> {
    let atoms = wanted.iter().flat_map(atoms);
    atoms
        .filter(|atom| !held.iter().any(|rule| covers(rule, atom)))
        .collect()
}

fn atoms(rule: &PolicyRule) -> Vec<Atom<'_>> {
    let mut atoms = Vec::new();
    for group in list(&rule.api_groups) {
        for resource in list(&rule.resources) {
            for verb in &rule.verbs {
                let one = |name| Atom::Resource {
                    group,
                    resource,
                    verb,
                    name,
                };
                match list(&rule.resource_names) {
                    [] => atoms.push(one(None)),
                    names => atoms.extend(names.iter().map(|name| one(Some(name)))),
                }
            }
        }
    }
    for url in list(&rule.non_resource_urls) {
        atoms.extend(rule.verbs.iter().map(|verb| Atom::Path { url, verb }));
    }
    atoms
}

fn covers(rule: &PolicyRule, atom: &Atom<'_>) -> bool {
    let has = |all: &[String], one: &str| all.iter().any(|it| it == ALL || it == one);
    match *atom {
        Atom::Path { url, verb } => {
            let urls = list(&rule.non_resource_urls);
            has(&rule.verbs, verb)
                && urls.iter().any(|own| url_covers(own, url))
                // A rule for some names only is never one for paths, but Kubernetes asks.
                && list(&rule.resource_names).is_empty()
        }
        Atom::Resource {
            group,
            resource,
            verb,
            name,
        } => {
            let names = list(&rule.resource_names);
            has(&rule.verbs, verb)
                && has(list(&rule.api_groups), group)
                && covers_resource(list(&rule.resources), resource)
                && (names.is_empty() || name.is_some_and(|name| names.iter().any(|it| it == name)))
        }
    }
}

fn covers_resource(own: &[String], resource: &str) -> bool {
    let part = resource.split_once('/').map(|(_, part)| part);
    own.iter()
        .any(|it| it == ALL || it == resource || (part.is_some() && it.strip_prefix("*/") == part))
}

fn to_rule(atom: Atom<'_>) -> PolicyRule {
    let one = |text: &str| Some(vec![text.to_owned()]);
    match atom {
        Atom::Path { url, verb } => PolicyRule {
            verbs: vec![verb.to_owned()],
            non_resource_urls: one(url),
            ..Default::default()
        },
        Atom::Resource {
            group,
            resource,
            verb,
            name,
        } => PolicyRule {
            verbs: vec![verb.to_owned()],
            api_groups: one(group),
            resources: one(resource),
            resource_names: name.and_then(one),
            ..Default::default()
        },
    }
}

/// Why somebody who has `held` may not give `wanted`, in Kubernetes' words; `None`: they may. `unresolved`: what is said of roles of
/// theirs that are not there, so that they may have had more.
pub fn attempt_to_grant(
    user: &UserInfo,
    held: &[PolicyRule],
    wanted: &[PolicyRule],
    unresolved: impl IntoIterator<Item = String>,
) -> Option<String> {
    let fallen = count(wanted);
    if fallen > ATOMS {
        return Some(format!(
            "the rules fall into {fallen} permissions; at most {ATOMS} are compared with those currently held"
        ));
    }
    if fallen.saturating_mul(words(held)) > COMPARED {
        return Some(format!(
            "{fallen} permissions are too many to compare with those currently held"
        ));
    }
    let missing = missing(held, wanted);
    if missing.is_empty() {
        return None;
    }
    let lines: Vec<String> = described(&missing).into_iter().collect();
    let groups: Vec<String> = user.groups.iter().map(|it| format!("{it:?}")).collect();
    let mut told = format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        groups.join(" "),
        lines.join("\n")
    );
    if let Some(unresolved) = Missing::told(unresolved) {
        told.push_str(&format!("; resolution errors: [{unresolved}]"));
    }
    Some(told)
}

/// A line for each resource or path, in order, with all verbs that are missing of it.
fn described(missing: &[Atom<'_>]) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let mut verbs: BTreeMap<(&str, &str, Option<&str>), Vec<String>> = BTreeMap::new();
    for atom in missing {
        match *atom {
            Atom::Path { url, verb } => {
                lines.insert(format!("{{NonResourceURLs:[{url:?}], Verbs:[{verb:?}]}}"));
            }
            Atom::Resource {
                group,
                resource,
                verb,
                name,
            } => {
                let verbs = verbs.entry((group, resource, name)).or_default();
                verbs.push(format!("{verb:?}"));
            }
        }
    }
    lines.extend(verbs.into_iter().map(|((group, resource, name), verbs)| {
        let name = name.map(|name| format!(", ResourceNames:[{name:?}]"));
        format!(
            "{{APIGroups:[{group:?}], Resources:[{resource:?}]{}, Verbs:[{}]}}",
            name.unwrap_or_default(),
            verbs.join(" ")
        )
    }));
    lines
}

/// How long all lists of rules are together.
fn words(rules: &[PolicyRule]) -> usize {
    let of = |rule: &PolicyRule| {
        let lists = [
            &rule.api_groups,
            &rule.resources,
            &rule.resource_names,
            &rule.non_resource_urls,
        ];
        let lists = lists.into_iter().map(|it| list(it).len());
        lists.sum::<usize>() + rule.verbs.len()
    };
    rules.iter().map(of).sum()
}

/// Into how many atoms rules fall: lists of a stranger multiply.
fn count(rules: &[PolicyRule]) -> usize {
    let of = |rule: &PolicyRule| {
        let resources = list(&rule.api_groups)
            .len()
            .saturating_mul(list(&rule.resources).len())
            .saturating_mul(list(&rule.resource_names).len().max(1));
        let subjects = resources.saturating_add(list(&rule.non_resource_urls).len());
        subjects.saturating_mul(rule.verbs.len())
    };
    rules.iter().map(of).fold(0, usize::saturating_add)
}
