use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_client::ObjectKey;
use proptest::prelude::*;
use serde_json::json;

use crate::index::ClusterIndex;
use crate::pending::Pending;
use crate::placement::place;
use crate::request;

fn node(name: &str, cpu: &str, memory: &str, pods: u32) -> Arc<Node> {
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods.to_string()}},
    });
    Arc::new(serde_json::from_value(node).unwrap())
}

fn pod(name: &str, cpu: &str, memory: &str) -> Pod {
    with(
        name,
        &json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]}),
    )
}

fn with(name: &str, spec: &serde_json::Value) -> Pod {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "d"}, "spec": spec});
    serde_json::from_value(pod).unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("d", name)
}

fn index(nodes: &[Arc<Node>]) -> ClusterIndex {
    let mut index = ClusterIndex::default();
    nodes.iter().for_each(|node| index.put_node(node));
    index
}

#[test]
fn a_pod_goes_where_most_is_left() {
    let mut index = index(&[node("a", "4", "8Gi", 10), node("b", "4", "8Gi", 10)]);
    index.put_pod(&key("x"), &pod("x", "2", "1Gi"), "a");
    assert_eq!(place(&index, &pod("p", "1", "1Gi"), &mut 0).unwrap(), "b");
}

#[test]
fn a_refusal_counts_the_reasons() {
    let mut cordoned = (*node("a", "4", "8Gi", 10)).clone();
    cordoned.spec.get_or_insert_default().unschedulable = Some(true);
    let mut index = index(&[
        Arc::new(cordoned),
        node("b", "1", "1Gi", 10),
        node("c", "8", "8Gi", 0),
    ]);
    let refusal = place(&index, &pod("p", "2", "2Gi"), &mut 0)
        .unwrap_err()
        .to_string();
    assert_eq!(
        refusal,
        "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods, 1 node(s) were unschedulable. \
         preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling."
    );
    for name in ["a", "b", "c"] {
        index.remove_node(name);
    }
    assert_eq!(
        place(&index, &pod("p", "2", "2Gi"), &mut 0)
            .unwrap_err()
            .to_string(),
        "no nodes available to schedule pods"
    );
}

#[test]
fn a_taint_needs_its_toleration() {
    let mut tainted = (*node("a", "4", "8Gi", 10)).clone();
    tainted.spec = Some(
        serde_json::from_value(
            json!({"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}),
        )
        .unwrap(),
    );
    let index = index(&[Arc::new(tainted)]);
    let spec = |operator: &str, value: &str| json!({"containers": [], "tolerations": [{"key": "gpu", "operator": operator, "value": value}]});
    for (operator, value, taken) in [
        ("Equal", "yes", true),
        ("Equal", "no", false),
        ("Exists", "", true),
    ] {
        assert_eq!(
            place(&index, &with("p", &spec(operator, value)), &mut 0).is_ok(),
            taken,
            "{operator} {value}"
        );
    }
    assert!(place(&index, &pod("p", "1", "1"), &mut 0).is_err());
}

#[test]
fn a_port_of_the_host_is_one_pods() {
    let on = |port: serde_json::Value| {
        with(
            "p",
            &json!({"containers": [{"name": "c", "ports": [port]}]}),
        )
    };
    let taken = |there: serde_json::Value, asked: serde_json::Value| {
        let mut index = index(&[node("a", "4", "8Gi", 10)]);
        index.put_pod(&key("x"), &on(there), "a");
        let first = place(&index, &on(asked.clone()), &mut 0).map_err(|it| it.to_string());
        index.remove_pod(&key("x"));
        place(&index, &on(asked), &mut 0).unwrap();
        first.err()
    };
    let port = |number: i32, protocol: &str, address: &str| json!({"containerPort": 80, "hostPort": number, "protocol": protocol, "hostIP": address});
    let refusal = taken(port(80, "TCP", ""), port(80, "TCP", ""));
    let words = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. \
                 preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
    assert_eq!(refusal.as_deref(), Some(words));
    let plain = json!({"containerPort": 80, "hostPort": 80});
    assert!(taken(plain.clone(), port(80, "TCP", "10.0.0.1")).is_some());
    assert!(taken(port(80, "UDP", "10.0.0.1"), port(80, "UDP", "0.0.0.0")).is_some());
    assert!(taken(port(80, "TCP", "10.0.0.1"), port(80, "TCP", "10.0.0.2")).is_none());
    assert!(taken(plain.clone(), port(80, "UDP", "")).is_none());
    assert!(taken(plain.clone(), port(81, "TCP", "")).is_none());
    assert!(taken(plain, json!({"containerPort": 80})).is_none());
}

#[test]
fn a_port_is_taken_until_the_last_pod_that_has_it_is_gone() {
    let ports = json!([{"containerPort": 80, "hostPort": 80}]);
    let sidecar = json!({"containers": [], "initContainers": [{"name": "s", "restartPolicy": "Always", "ports": ports}]});
    let first = json!({"containers": [], "initContainers": [{"name": "i", "ports": ports}]});
    let mut index = index(&[node("a", "4", "8Gi", 10)]);
    for name in ["x", "y"] {
        index.put_pod(&key(name), &with(name, &sidecar), "a");
        index.put_pod(&key(name), &with(name, &sidecar), "a");
    }
    index.remove_pod(&key("x"));
    assert!(place(&index, &with("p", &sidecar), &mut 0).is_err());
    place(&index, &with("p", &first), &mut 0).unwrap();
    index.remove_pod(&key("y"));
    place(&index, &with("p", &sidecar), &mut 0).unwrap();
}

#[test]
fn a_pod_whose_policy_is_never_to_preempt_is_told_so() {
    let index = index(&[node("a", "1", "1Gi", 10)]);
    let mut modest = pod("p", "2", "1");
    let spec = modest.spec.get_or_insert_default();
    spec.preemption_policy = Some("Never".into());
    assert_eq!(
        place(&index, &modest, &mut 0).unwrap_err().to_string(),
        "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."
    );
}

#[test]
fn a_node_selector_must_match() {
    let index = index(&[node("a", "4", "8Gi", 10), node("b", "4", "8Gi", 10)]);
    let on = |name: &str| {
        with(
            "p",
            &json!({"containers": [], "nodeSelector": {"kubernetes.io/hostname": name}}),
        )
    };
    assert_eq!(place(&index, &on("b"), &mut 0).unwrap(), "b");
    let refusal = place(&index, &on("z"), &mut 0).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. \
         preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    );
}

#[test]
fn initialization_counts_where_it_needs_more() {
    let need = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let spec = json!({
        "containers": [{"name": "a", "resources": need("1")}],
        "initContainers": [
            {"name": "s", "restartPolicy": "Always", "resources": need("500m")},
            {"name": "i", "resources": need("3")},
        ],
        "overhead": {"cpu": "250m"},
    });
    assert_eq!(request::of_pod(&with("p", &spec).spec.unwrap()).cpu, 3750);
}

#[test]
fn a_pod_whose_resources_change_holds_the_most_of_what_it_asks_for_and_has() {
    let cpu = |asks: &str, given: &str, has: &str| {
        let mut pod = pod("p", asks, "1Gi");
        let of = |cpu: &str| json!({"cpu": cpu, "memory": "1Gi"});
        let told = json!({"containerStatuses": [{
            "name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 0,
            "allocatedResources": of(given), "resources": {"requests": of(has)},
        }]});
        pod.status = Some(serde_json::from_value(told).unwrap());
        request::held(&pod).cpu
    };
    assert_eq!(cpu("1", "1", "1"), 1000);
    assert_eq!(cpu("3", "1", "1"), 3000, "it waits for more");
    assert_eq!(cpu("1", "2", "1"), 2000);
    assert_eq!(cpu("1", "1", "2500m"), 2500, "less is on its way");
    assert_eq!(request::held(&pod("p", "1", "1")).cpu, 1000);
}

#[test]
fn what_nobody_takes_waits_for_a_change_but_not_longer_than_that() {
    let mut pending = Pending::default();
    let start = Timestamp::UNIX_EPOCH;
    let after = |seconds| start + SignedDuration::from_secs(seconds);
    pending.add(&key("p"), &pod("p", "1", "1"));
    assert_eq!(pending.next(start), Some(key("p")));
    pending.refused(&key("p"), true, start);
    assert_eq!(pending.next(after(299)), None);
    pending.unpark();
    assert_eq!(
        pending.wake_at(),
        Some(after(1)),
        "the back-off still holds"
    );
    assert_eq!(pending.next(after(1)), Some(key("p")));
    pending.refused(&key("p"), true, after(1));
    assert_eq!(
        pending.next(after(301)),
        Some(key("p")),
        "at the latest after five minutes"
    );
}

#[test]
fn priority_goes_before_age() {
    let mut pending = Pending::default();
    let mut urgent = pod("urgent", "1", "1");
    urgent.spec.as_mut().unwrap().priority = Some(1000);
    pending.add(&key("old"), &pod("old", "1", "1"));
    pending.add(&key("urgent"), &urgent);
    assert_eq!(pending.next(Timestamp::UNIX_EPOCH), Some(key("urgent")));
    assert_eq!(pending.next(Timestamp::UNIX_EPOCH), Some(key("old")));
}

#[derive(Debug, Clone)]
enum Event {
    Put(u8, u8, u16),
    Remove(u8),
    NodeGone(u8),
    NodeBack(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..20u8, 0..4u8, 1..500u16).prop_map(|(p, n, cpu)| Event::Put(p, n, cpu)),
        (0..20u8).prop_map(Event::Remove),
        (0..4u8).prop_map(Event::NodeGone),
        (0..4u8).prop_map(Event::NodeBack),
    ]
}

proptest! {
    /// The index that was changed in place equals one that is built from what is left.
    #[test]
    fn the_index_forgets_nothing_and_invents_nothing(events in proptest::collection::vec(event(), 1..80)) {
        let name = |n: u8| format!("n{n}");
        let mut index = ClusterIndex::default();
        let mut model: std::collections::BTreeMap<u8, (u8, u16)> = Default::default();
        let mut alive = std::collections::BTreeSet::new();
        for event in events {
            match event {
                Event::Put(p, n, cpu) => {
                    index.put_pod(&key(&p.to_string()), &pod("p", &format!("{cpu}m"), "1"), &name(n));
                    model.insert(p, (n, cpu));
                }
                Event::Remove(p) => {
                    index.remove_pod(&key(&p.to_string()));
                    model.remove(&p);
                }
                Event::NodeGone(n) => {
                    index.remove_node(&name(n));
                    alive.remove(&n);
                }
                Event::NodeBack(n) => {
                    index.put_node(&node(&name(n), "4", "8Gi", 10));
                    alive.insert(n);
                }
            }
        }
        prop_assert_eq!(index.node_count(), alive.len());
        for (_, slot) in index.nodes() {
            let at = slot.node.as_ref().unwrap().metadata.name.clone().unwrap();
            let there: Vec<_> = model.values().filter(|(n, _)| name(*n) == at).collect();
            prop_assert_eq!(slot.pods, there.len() as i64);
            prop_assert_eq!(slot.requested.cpu, there.iter().map(|(_, cpu)| i64::from(*cpu)).sum::<i64>());
        }
    }
}
