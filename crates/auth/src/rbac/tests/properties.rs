//! The index decides as the scan does, whatever came and went before.

use k8s_openapi::api::rbac::v1::PolicyRule;
use proptest::prelude::*;
use proptest::sample::select;

use super::model::Model;
use crate::rbac::{Binding, BindingSubject, Rbac, RoleKind, attempt_to_grant, uncovered};
use crate::{Attributes, Decision, UserInfo};

const NAMESPACES: &[&str] = &["", "a", "b"];
const NAMES: &[&str] = &["x", "y", "z"];
const WHO: &[&str] = &["u", "v", "system:serviceaccount:a:robot"];
const GROUPS: &[&str] = &["g", "h"];
const VERBS: &[&str] = &["get", "list", "*"];
const API_GROUPS: &[&str] = &["", "apps", "*"];
const RESOURCES: &[&str] = &["pods", "pods/log", "*/log", "*", "pods/*", "deployments"];
const URLS: &[&str] = &["/healthz", "/api/*", "*", "/api"];

#[derive(Debug, Clone)]
enum Event {
    PutRole(&'static str, &'static str, Vec<PolicyRule>),
    RemoveRole(&'static str, &'static str),
    PutBinding(Binding),
    RemoveBinding(&'static str, &'static str),
}

fn some(of: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
    let texts = prop::collection::vec(select(of), 1..=most);
    texts.prop_map(|texts| texts.into_iter().map(str::to_owned).collect())
}

fn rule() -> impl Strategy<Value = PolicyRule> {
    let resource = (
        some(VERBS, 2),
        some(API_GROUPS, 2),
        some(RESOURCES, 3),
        prop::option::of(some(NAMES, 2)),
    );
    let resource = resource.prop_map(|(verbs, groups, resources, names)| PolicyRule {
        verbs,
        api_groups: Some(groups),
        resources: Some(resources),
        resource_names: names,
        ..Default::default()
    });
    let path = (some(VERBS, 2), some(URLS, 2)).prop_map(|(verbs, urls)| PolicyRule {
        verbs,
        non_resource_urls: Some(urls),
        ..Default::default()
    });
    prop_oneof![3 => resource, 1 => path]
}

fn subject() -> impl Strategy<Value = BindingSubject> {
    let account = BindingSubject::Account {
        namespace: "a".into(),
        name: "robot".into(),
        user: WHO[2].into(),
    };
    prop_oneof![
        select(WHO).prop_map(|name| BindingSubject::User(name.into())),
        select(GROUPS).prop_map(|name| BindingSubject::Group(name.into())),
        Just(account),
        Just(BindingSubject::Nobody),
    ]
}

fn binding() -> impl Strategy<Value = Binding> {
    let parts = (
        select(NAMESPACES),
        select(NAMES),
        select(NAMES),
        any::<bool>(),
        prop::collection::vec(subject(), 0..4),
    );
    parts.prop_map(|(namespace, name, role, cluster, subjects)| Binding {
        namespace: namespace.into(),
        name: name.into(),
        role_kind: match cluster || namespace.is_empty() {
            true => RoleKind::ClusterRole,
            false => RoleKind::Role,
        },
        role: role.into(),
        subjects,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let rules = prop::collection::vec(rule(), 0..4);
    let place = || (select(NAMESPACES), select(NAMES));
    prop_oneof![
        3 => (place(), rules).prop_map(|((namespace, name), rules)| Event::PutRole(namespace, name, rules)),
        1 => place().prop_map(|(namespace, name)| Event::RemoveRole(namespace, name)),
        4 => binding().prop_map(Event::PutBinding),
        2 => place().prop_map(|(namespace, name)| Event::RemoveBinding(namespace, name)),
    ]
}

fn user() -> impl Strategy<Value = UserInfo> {
    (select(WHO), prop::collection::vec(select(GROUPS), 0..3)).prop_map(|(name, groups)| UserInfo {
        name: name.into(),
        groups: groups.into_iter().map(str::to_owned).collect(),
        ..Default::default()
    })
}

fn question() -> impl Strategy<Value = Attributes<'static>> {
    let resource = (
        select(&["get", "list", "delete"][..]),
        select(&["", "apps", "batch"][..]),
        select(&["pods", "deployments", "pods/log"][..]),
        select(&["", "log", "*"][..]),
        select(NAMESPACES),
        select(&["", "x", "y"][..]),
    );
    let resource =
        resource.prop_map(
            |(verb, group, resource, subresource, namespace, name)| Attributes {
                verb,
                resource_request: true,
                group,
                resource,
                subresource,
                namespace,
                name,
                ..Default::default()
            },
        );
    let paths = &["/healthz", "/api", "/api/v1", "/x", ""][..];
    let path = (select(&["get", "post"][..]), select(paths)).prop_map(|(verb, path)| Attributes {
        verb,
        path,
        ..Default::default()
    });
    prop_oneof![3 => resource, 1 => path]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_index_decides_as_a_scan_does(
        events in prop::collection::vec(event(), 1..40),
        questions in prop::collection::vec((user(), question()), 1..40),
    ) {
        let (mut rbac, mut model) = (Rbac::default(), Model::default());
        for event in events.clone() {
            match event {
                Event::PutRole(namespace, name, rules) => {
                    rbac.put_role(namespace, name, rules.clone());
                    model.put_role(namespace, name, rules);
                }
                Event::RemoveRole(namespace, name) => {
                    rbac.remove_role(namespace, name);
                    model.remove_role(namespace, name);
                }
                Event::PutBinding(binding) => {
                    rbac.put_binding(binding.clone());
                    model.put_binding(binding);
                }
                Event::RemoveBinding(namespace, name) => {
                    rbac.remove_binding(namespace, name);
                    model.remove_binding(namespace, name);
                }
            }
        }
        for (user, question) in &questions {
            let (reasons, missing) = model.decide(user, question);
            match rbac.decide(user, question) {
                Decision::Allow(grounds) => prop_assert!(reasons.contains(&grounds.to_string()), "{grounds} is none of {reasons:?}"),
                Decision::NoOpinion(why) => {
                    prop_assert!(reasons.is_empty(), "refused, but {reasons:?}");
                    prop_assert_eq!(why.is_empty(), missing == 0);
                }
            }
            // What is listed allows what is decided.
            let (rules, _) = rbac.rules_for(user, question.namespace);
            prop_assert_eq!(rules.iter().any(|rule| crate::rbac::allows(rule, question)), !reasons.is_empty());
        }
        // Nothing is left of what went.
        for namespace in NAMESPACES {
            for name in NAMES {
                rbac.remove_binding(namespace, name);
                rbac.remove_role(namespace, name);
            }
        }
        prop_assert_eq!(rbac.held(), 0);
    }

    /// Who holds rules that cover others may do all that the others allow; where they do not, what is missing makes up for it.
    #[test]
    fn covered_rules_allow_nothing_more(
        held in prop::collection::vec(rule(), 0..4),
        wanted in prop::collection::vec(rule(), 0..4),
        questions in prop::collection::vec(question(), 1..30),
    ) {
        let missing = uncovered(&held, &wanted);
        let any = |rules: &[PolicyRule], question| rules.iter().any(|rule| crate::rbac::allows(rule, question));
        // `*/log` covers `pods/log` as a part of pods; nobody asks for it as if that were a resource of its own.
        for question in questions.iter().filter(|question| !question.resource.contains('/')) {
            if any(&wanted, question) {
                prop_assert!(any(&held, question) || any(&missing, question));
            }
        }
        prop_assert_eq!(attempt_to_grant(&UserInfo::default(), &held, &wanted, []).is_none(), missing.is_empty());
        let made_up: Vec<PolicyRule> = held.into_iter().chain(missing).collect();
        prop_assert!(uncovered(&made_up, &wanted).is_empty());
    }
}
