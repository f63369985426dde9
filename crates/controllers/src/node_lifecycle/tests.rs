use super::*;

fn node(ready: &str, taints: serde_json::Value) -> Node {
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "uid": "u"}, "spec": {"taints": taints},
        "status": {"conditions": [{"type": "Ready", "status": ready}, {"type": "DiskPressure", "status": "False"}]},
    });
    serde_json::from_value(node).unwrap()
}

fn planned(node: Node, silent: i64) -> (Vec<String>, Option<Timestamp>) {
    planned_among(node, silent, "True")
}

fn planned_among(node: Node, silent: i64, others: &str) -> (Vec<String>, Option<Timestamp>) {
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1000);
    let heard = imbl::OrdMap::unit("n".into(), now - SignedDuration::from_secs(silent));
    let mut other = node.clone();
    other.metadata.name = Some("other".into());
    other.status =
        serde_json::from_value(json!({"conditions": [{"type": "Ready", "status": others}]}))
            .unwrap();
    let view = View {
        nodes: Snapshot::of([node, other], &[]),
        pods: Snapshot::default(),
        heard,
    };
    let plan = plan(now, &view, &ObjectKey::new("", "n"));
    let taints = |action: &Action| match &action.call.body {
        navarch_api::call::Body::Patch(_, patch) => {
            patch["spec"]["taints"]
                .as_array()
                .map_or("none".into(), |taints| {
                    let words = taints.iter().map(|t| {
                        format!(
                            "{}:{}",
                            t["key"].as_str().unwrap(),
                            t["effect"].as_str().unwrap()
                        )
                    });
                    words.collect::<Vec<_>>().join(" ")
                })
        }
        navarch_api::call::Body::Object(node) => {
            let mut json = Vec::new();
            node.encode(&mut json);
            let node: Node = serde_json::from_slice(&json).unwrap();
            format!("ready {}", ready(&node).unwrap())
        }
        other => panic!("{other:?}"),
    };
    (plan.actions().map(taints).collect(), plan.wake)
}

#[test]
fn a_silent_node_becomes_unknown_and_then_unreachable() {
    assert_eq!(planned(node("True", json!([])), 51).0, ["ready Unknown"]);
    let words =
        "node.kubernetes.io/unreachable:NoSchedule node.kubernetes.io/unreachable:NoExecute";
    assert_eq!(planned(node("Unknown", json!([])), 51).0, [words]);
}

#[test]
fn a_node_that_is_heard_is_looked_at_again_when_its_grace_ends() {
    let (calls, wake) = planned(node("True", json!([])), 10);
    assert!(calls.is_empty());
    assert_eq!(
        wake,
        Some(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1040))
    );
}

#[test]
fn while_no_node_is_ready_nothing_is_evicted() {
    let (calls, wake) = planned_among(node("Unknown", json!([])), 51, "False");
    assert_eq!(calls, ["node.kubernetes.io/unreachable:NoSchedule"]);
    assert_eq!(wake.map(Timestamp::as_second), Some(1005));
}

#[test]
fn a_node_that_has_not_said_anything_yet_is_left_alone_for_a_while() {
    let mut silent = node(
        "",
        json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]),
    );
    silent.status = None;
    assert!(planned_among(silent.clone(), 10, "True").0.is_empty());
    assert_eq!(planned_among(silent, 51, "True").0, ["ready Unknown"]);
}

#[test]
fn a_cordoned_node_is_tainted() {
    let mut cordoned = node("True", json!([]));
    cordoned.spec.as_mut().unwrap().unschedulable = Some(true);
    assert_eq!(
        planned(cordoned, 1).0,
        ["node.kubernetes.io/unschedulable:NoSchedule"]
    );
}

#[test]
fn a_node_that_is_ready_again_loses_our_taints_and_keeps_others() {
    let taints = json!([{"key": "gpu", "effect": "NoSchedule"}, {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]);
    assert_eq!(planned(node("True", taints), 1).0, ["gpu:NoSchedule"]);
    assert_eq!(
        planned(
            node(
                "True",
                json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}])
            ),
            1
        )
        .0,
        ["none"]
    );
}
