//! What askers of a check of the network find, of an answerer in a network namespace.

use navarch_network::check;
use serde_json::{Value, json};

use crate::namespaces::Namespace;

/// Where the answerer is.
const HERE: &str = "127.0.0.1:8080";
/// Nobody answers there, nor says that nobody does.
const NOBODY: &str = "192.0.2.9:8080";

/// What is found of these pods, each of which is said to be on the node `a`.
fn asked(place: &str, pods: &[&str], patience: u64, nodes: &[&str]) -> Value {
    let targets = |all: &[&str]| -> Value {
        let target = |address: &&str| json!({"node": "a", "address": address});
        all.iter().map(target).collect()
    };
    run(json!({
        "node": "a", "place": place, "pods": targets(pods), "nodes": targets(nodes),
        "services": [HERE], "api": [], "names": [], "patience": patience,
    }))
}

/// What is found from a pod, of pods.
fn asked_of(pods: Value) -> Value {
    let mut task = json!({
        "node": "a", "place": "Pod", "nodes": [], "services": [], "api": [], "names": [], "patience": 20,
    });
    task["pods"] = pods;
    run(task)
}

#[allow(clippy::needless_pass_by_value, reason = "cases read better")]
fn run(task: Value) -> Value {
    let host = Namespace::new();
    host.sh("ip link set lo up; ip link add away type veth peer name end; ip link set away up; ip link set end up");
    host.sh("ip addr add 192.0.2.1/24 dev away; ip neigh add 192.0.2.9 lladdr 0a:00:00:00:00:09 dev away");
    let task = task.to_string();
    let found = host.run(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            // In this order: the answerer listens before anybody asks.
            tokio::select! {
                biased;
                answered = check::answer("a") => panic!("{answered:?}"),
                found = check::ask(&task) => found.unwrap(),
            }
        })
    });
    serde_json::from_str(&found).unwrap()
}

fn tally(found: &Value, of: &str) -> (u64, u64) {
    let tally = &found["tallies"][of];
    (
        tally["passed"].as_u64().unwrap(),
        tally["of"].as_u64().unwrap(),
    )
}

/// Without a policy the port that one closes is open: to a pod that is wrong, to the node itself it is not.
#[test]
fn a_policy_that_does_not_hold_is_found() {
    let found = asked("Pod", &[HERE], 20, &[HERE, "127.0.0.1:9"]);
    assert_eq!(tally(&found, "Pods"), (1, 1), "{found}");
    assert_eq!(tally(&found, "Mtu"), (1, 1), "{found}");
    assert_eq!(tally(&found, "Services"), (1, 1), "{found}");
    assert_eq!(tally(&found, "Nodes"), (1, 2), "{found}");
    assert_eq!(tally(&found, "Policies"), (0, 1), "{found}");
    let failures = found["failures"].to_string();
    assert!(
        failures.contains("a network policy lets nobody in"),
        "{failures}"
    );
    let found = asked("Node", &[HERE], 20, &[]);
    assert_eq!(tally(&found, "Policies"), (1, 1), "{found}");
}

/// Of plugins nobody knows whether they apply policies: whether that is wrong is for whoever sees all.
#[test]
fn a_pod_that_plugins_connect_is_not_held_to_be_wrong() {
    let found = asked_of(json!([{"node": "a", "address": HERE, "of_plugins": true}]));
    assert_eq!(found["unheld"], 1, "{found}");
    assert_eq!(found["failures"], json!([]), "{found}");
    assert_eq!(found["tallies"]["Policies"], Value::Null, "{found}");
}

/// Of a pod that is not reached nobody can say what a policy does.
#[test]
fn what_is_not_reached_is_no_policy_s() {
    let found = asked("Pod", &[NOBODY], 20, &[]);
    assert_eq!(tally(&found, "Pods"), (0, 1), "{found}");
    assert_eq!(tally(&found, "Mtu"), (0, 1), "{found}");
    assert_eq!(found["tallies"]["Policies"], Value::Null, "{found}");
}

/// What was found is not lost when the time is over.
#[test]
fn what_is_not_found_out_in_time_is_told() {
    let found = asked("Pod", &[HERE, NOBODY], 2, &[]);
    assert_eq!(tally(&found, "Pods"), (1, 2), "{found}");
    let failures = found["failures"].to_string();
    assert!(
        failures.contains("not asked to the end within 2 s"),
        "{failures}"
    );
}
