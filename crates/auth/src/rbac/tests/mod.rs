mod model;
mod properties;
mod speed;

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, PolicyRule, RoleBinding};
use serde_json::{Value, json};

use super::*;
use crate::{Attributes, Decision, UserInfo};

fn rules(rules: Value) -> Vec<PolicyRule> {
    serde_json::from_value(rules).unwrap()
}

fn cluster(name: &str, role: &str, subjects: Value) -> Binding {
    let binding = json!({
        "metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    });
    Binding::of_cluster(&serde_json::from_value::<ClusterRoleBinding>(binding).unwrap()).unwrap()
}

fn local(namespace: &str, name: &str, kind: &str, role: &str, subjects: Value) -> Binding {
    let binding = json!({
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}, "subjects": subjects,
    });
    Binding::of_namespace(&serde_json::from_value::<RoleBinding>(binding).unwrap()).unwrap()
}

fn user(name: &str, groups: &[&str]) -> UserInfo {
    UserInfo {
        name: name.into(),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        ..Default::default()
    }
}

fn get<'a>(resource: &'a str, namespace: &'a str) -> Attributes<'a> {
    Attributes {
        verb: "get",
        resource_request: true,
        resource,
        namespace,
        ..Default::default()
    }
}

fn told(rbac: &Rbac, user: &UserInfo, attributes: &Attributes<'_>) -> (bool, String) {
    match rbac.decide(user, attributes) {
        Decision::Allow(grounds) => (true, grounds.to_string()),
        Decision::NoOpinion(why) => (false, why),
    }
}

/// The answers that Kubernetes 1.36 gives in access reviews.
#[test]
fn grounds_and_missing_roles_are_told_as_kubernetes_tells_them() {
    let mut rbac = Rbac::default();
    let all = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]);
    rbac.put_role("", "cluster-admin", rules(all.clone()));
    rbac.put_role("default", "r", rules(all));
    let robot = json!([{"kind": "ServiceAccount", "name": "bot"}, {"kind": "Group", "name": "gg"}]);
    rbac.put_binding(local(
        "default",
        "sa",
        "ClusterRole",
        "cluster-admin",
        robot,
    ));
    let alice = json!([{"kind": "User", "name": "alice"}]);
    rbac.put_binding(local("default", "r", "Role", "r", alice.clone()));
    rbac.put_binding(cluster("all", "cluster-admin", alice));
    let zed = json!([{"kind": "User", "name": "zed"}]);
    rbac.put_binding(cluster("dangling", "nope", zed.clone()));
    rbac.put_binding(cluster("dangling-too", "nope", zed.clone()));
    rbac.put_binding(local("default", "dangling", "Role", "nope", zed));
    let pods = get("pods", "default");
    let said = |user: &UserInfo| told(&rbac, user, &pods).1;
    assert_eq!(
        said(&user("system:serviceaccount:default:bot", &["gg"])),
        r#"RBAC: allowed by RoleBinding "sa/default" of ClusterRole "cluster-admin" to ServiceAccount "bot/default""#
    );
    assert_eq!(
        said(&user("q", &["gg"])),
        r#"RBAC: allowed by RoleBinding "sa/default" of ClusterRole "cluster-admin" to Group "gg""#
    );
    assert_eq!(
        said(&user("alice", &[])),
        r#"RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "cluster-admin" to User "alice""#
    );
    assert_eq!(
        said(&user("zed", &[])),
        r#"RBAC: [clusterrole.rbac.authorization.k8s.io "nope" not found, role.rbac.authorization.k8s.io "nope" not found]"#
    );
    assert_eq!(said(&user("eve", &["gh"])), "");
    let elsewhere = get("pods", "other");
    assert_eq!(
        told(&rbac, &user("q", &["gg"]), &elsewhere),
        (false, String::new())
    );
}

#[test]
fn a_role_that_comes_late_counts_and_one_that_goes_does_not() {
    let mut rbac = Rbac::default();
    let bob = user("bob", &[]);
    rbac.put_binding(cluster("b", "r", json!([{"kind": "User", "name": "bob"}])));
    assert!(!told(&rbac, &bob, &get("pods", "")).0);
    let pods = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
    rbac.put_role("", "r", rules(pods));
    assert!(told(&rbac, &bob, &get("pods", "")).0);
    rbac.remove_role("", "r");
    assert!(!told(&rbac, &bob, &get("pods", "")).0);
}

/// What somebody may not give is told in full, as Kubernetes 1.36 tells it.
#[test]
fn an_attempt_to_grant_names_what_is_not_held() {
    let held = rules(json!([
        {"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "*/scale"]},
        {"verbs": ["get"], "nonResourceURLs": ["/api/*"]},
    ]));
    let wanted = rules(json!([
        {"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods", "deployments/scale"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a", "b"]},
        {"verbs": ["get"], "nonResourceURLs": ["/api/v1", "/metrics"]},
    ]));
    let missing = Missing {
        kind: RoleKind::ClusterRole,
        name: "nope".into(),
    };
    let told = attempt_to_grant(
        &user("bob", &["a", "b"]),
        &held,
        &wanted,
        [missing.in_registry("roles")],
    );
    assert_eq!(
        told.unwrap(),
        "user \"bob\" (groups=[\"a\" \"b\"]) is attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"deployments/scale\"], Verbs:[\"list\" \"watch\"]}\n\
         {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\" \"watch\"]}\n\
         {APIGroups:[\"\"], Resources:[\"secrets\"], ResourceNames:[\"a\"], Verbs:[\"get\"]}\n\
         {APIGroups:[\"\"], Resources:[\"secrets\"], ResourceNames:[\"b\"], Verbs:[\"get\"]}\n\
         {NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}; resolution errors: \
         [roles.rbac.authorization.k8s.io \"nope\" not found]"
    );
    assert!(attempt_to_grant(&user("bob", &[]), &full_authority(), &wanted, []).is_none());
}

#[test]
fn rules_that_multiply_beyond_measure_are_refused_at_once() {
    let many: Vec<String> = (0..1000).map(|at| format!("n{at}")).collect();
    let wanted = rules(
        json!([{"verbs": many, "apiGroups": many, "resources": many, "resourceNames": many}]),
    );
    let told = attempt_to_grant(&user("bob", &[]), &full_authority(), &wanted, []);
    assert!(told.unwrap().contains("1000000000000 permissions"));
}
