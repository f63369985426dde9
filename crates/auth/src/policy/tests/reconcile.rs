use k8s_openapi::api::rbac::v1::{ClusterRole, RoleBinding};
use serde_json::{Value, json};

use crate::policy::{Reconciled, reconcile_binding, reconcile_role};

fn role(annotations: Value, rules: Value, parts: Value) -> ClusterRole {
    let mut role = json!({"metadata": {"name": "r", "annotations": annotations}, "rules": rules});
    if !parts.is_null() {
        let labels: Vec<Value> = parts
            .as_array()
            .unwrap()
            .iter()
            .map(|part| json!({"matchLabels": {part.as_str().unwrap(): "true"}}))
            .collect();
        role["aggregationRule"] = json!({"clusterRoleSelectors": labels});
    }
    serde_json::from_value(role).unwrap()
}

fn gets(resources: &[&str]) -> Value {
    json!([{"verbs": ["get"], "apiGroups": [""], "resources": resources}])
}

const AUTO: &str = "rbac.authorization.kubernetes.io/autoupdate";

#[test]
fn what_a_role_lacks_is_added_and_what_it_has_stays() {
    let wanted = role(
        json!({AUTO: "true"}),
        gets(&["pods", "secrets"]),
        json!(null),
    );
    let mut there = role(json!({"own": "1"}), gets(&["pods", "nodes"]), json!(null));
    there.metadata.resource_version = Some("7".into());
    let Reconciled::Update(made) = reconcile_role(Some(&there), &wanted) else {
        panic!("it is to be updated");
    };
    let annotations = made.metadata.annotations.clone().unwrap();
    assert_eq!((&*annotations[AUTO], &*annotations["own"]), ("true", "1"));
    assert_eq!(made.metadata.resource_version.as_deref(), Some("7"));
    let rules = serde_json::to_value(&made.rules).unwrap();
    let added = gets(&["secrets"]);
    assert_eq!(rules, json!([gets(&["pods", "nodes"])[0], added[0]]));
    assert_eq!(reconcile_role(Some(&made), &wanted), Reconciled::Nothing);
    assert_eq!(reconcile_role(None, &wanted), Reconciled::Create(wanted));
}

#[test]
fn a_role_that_wants_to_be_left_alone_is() {
    let wanted = role(json!({AUTO: "true"}), gets(&["pods"]), json!(null));
    let there = role(json!({AUTO: "false"}), json!([]), json!(null));
    assert_eq!(reconcile_role(Some(&there), &wanted), Reconciled::Nothing);
}

#[test]
fn the_rules_of_a_gathered_role_are_the_controllers_business() {
    let wanted = role(json!({}), json!(null), json!(["a"]));
    let mut there = role(json!({}), gets(&["pods"]), json!(["b", "a"]));
    assert_eq!(reconcile_role(Some(&there), &wanted), Reconciled::Nothing);
    let two = role(json!({}), json!(null), json!(["a", "c"]));
    let Reconciled::Update(made) = reconcile_role(Some(&there), &two) else {
        panic!("a selector is missing");
    };
    let selectors = made.aggregation_rule.unwrap().cluster_role_selectors;
    assert_eq!(selectors.unwrap().len(), 3);
    // One that is not to be gathered.
    let plain = role(json!({}), gets(&["pods"]), json!(null));
    let Reconciled::Update(made) = reconcile_role(Some(&there), &plain) else {
        panic!("it is gathered");
    };
    there.aggregation_rule = None;
    assert_eq!(made, there);
}

fn binding(role: &str, names: &[&str]) -> RoleBinding {
    let subjects: Vec<Value> = names
        .iter()
        .map(|name| json!({"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}))
        .collect();
    let binding = json!({
        "metadata": {"name": "b", "namespace": "n", "uid": "u1"}, "subjects": subjects,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
    });
    serde_json::from_value(binding).unwrap()
}

#[test]
fn a_binding_gets_its_subjects_and_is_made_anew_for_another_role() {
    let wanted = binding("r", &["a", "b"]);
    let there = binding("r", &["x", "b"]);
    let all = Reconciled::Update(binding("r", &["x", "b", "a"]));
    assert_eq!(reconcile_binding(Some(&there), &wanted), all);
    assert_eq!(
        reconcile_binding(Some(&wanted), &wanted),
        Reconciled::Nothing
    );
    let anew = Reconciled::Recreate {
        uid: "u1".into(),
        object: wanted.clone(),
    };
    let other = binding("other", &["a", "b"]);
    assert_eq!(reconcile_binding(Some(&other), &wanted), anew);
    let mut alone = other;
    alone.metadata.annotations = Some([(AUTO.to_owned(), "false".to_owned())].into());
    assert_eq!(
        reconcile_binding(Some(&alone), &wanted),
        Reconciled::Nothing
    );
}
