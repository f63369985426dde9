use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::{Node, State, kinds};

fn node(uid: &str, owners: &[&str]) -> Arc<Node> {
    let kind = navarch_api::table::builtin()
        .kind("", "v1", "ConfigMap")
        .unwrap();
    let owners: Vec<_> = owners
        .iter()
        .map(|uid| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": uid, "uid": uid}))
        .collect();
    let metadata = json!({"namespace": "ns", "name": uid, "uid": uid, "ownerReferences": owners});
    let map: ConfigMap = serde_json::from_value(json!({"metadata": metadata})).unwrap();
    Arc::new(Node::of(kind, &map).unwrap())
}

fn dependents(state: &State, uid: &str) -> Vec<String> {
    let mut names: Vec<String> = state
        .dependents(uid)
        .map(|node| node.key.name.to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn dependents_follow_changes_and_do_not_need_their_owner() {
    let mut state = State::default();
    state.put(node("a", &["owner"]));
    state.put(node("b", &["owner", "other"]));
    assert_eq!(dependents(&state, "owner"), ["a", "b"]);
    state.put(node("b", &["other"]));
    assert_eq!(dependents(&state, "owner"), ["a"]);
    state.remove("a");
    assert_eq!(dependents(&state, "owner"), Vec::<String>::new());
    assert_eq!(dependents(&state, "other"), ["b"]);
    assert_eq!(state.len(), 1);
}

#[test]
fn every_kind_is_held_once_and_events_not_at_all() {
    let kinds = kinds();
    let mut buckets: Vec<_> = kinds
        .iter()
        .map(|kind| kind.storage.bucket.clone())
        .collect();
    buckets.sort();
    let all = buckets.len();
    buckets.dedup();
    assert_eq!(buckets.len(), all);
    assert!(kinds.iter().any(|kind| kind.plural == "deployments"));
    assert!(
        !kinds
            .iter()
            .any(|kind| kind.kind == "Event" || kind.kind == "Binding")
    );
}
