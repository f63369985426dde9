//! Acting as somebody else, for everything or for single requests.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// Alice with what these rules give her everywhere, and Bob with the reading of pods.
async fn alice(cluster: &Cluster, rules: Value) -> Client {
    let mut admin = Client::connect(cluster, Who::Certificate).await;
    let pods = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]);
    for (user, rules) in [
        ("alice", rules),
        ("bob", pods.clone()),
        ("system:serviceaccount:ns:robot", pods),
    ] {
        let name = user.rsplit(':').next().unwrap();
        let group = "rbac.authorization.k8s.io";
        let role = json!({"metadata": {"name": name}, "rules": rules});
        let binding = json!({"metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "User", "name": user, "apiGroup": group}]});
        for (plural, object) in [("clusterroles", role), ("clusterrolebindings", binding)] {
            let made = admin.post(&format!("{RBAC}/{plural}"), &object).await;
            assert_eq!(made.status, 201, "{}", made.message());
        }
    }
    Client::connect(cluster, Who::Token("alice-token")).await
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

async fn ask(alice: &mut Client, headers: &[(&str, &str)], path: &str) -> (u16, String) {
    let got = alice.send("GET", path, headers, "").await;
    let said = match got.status.as_u16() {
        200 => String::new(),
        _ => got.message(),
    };
    (got.status.as_u16(), said)
}

#[tokio::test]
async fn one_acts_as_another_for_the_requests_that_are_permitted_and_no_others() {
    let cluster = Cluster::start(0).await;
    let rules = json!([
        rule(
            "authentication.k8s.io",
            &["users"],
            &["impersonate:user-info"]
        ),
        rule("", &["pods"], &["impersonate-on:user-info:list"]),
    ]);
    let mut alice = alice(&cluster, rules).await;
    let bob = [("impersonate-user", "bob")];
    assert_eq!(ask(&mut alice, &bob, PODS).await, (200, String::new()));
    // Bob may read a single one, and Alice may not as Bob.
    let why = "pods \"p\" is forbidden: User \"alice\" cannot impersonate-on:user-info:get resource \"pods\" in API group \"\" in the \
               namespace \"default\"";
    let one = format!("{PODS}/p");
    assert_eq!(ask(&mut alice, &bob, &one).await, (403, why.to_owned()));
    // She is allowed no groups, and nodes and accounts are nobody else's names.
    let grouped = [("impersonate-user", "bob"), ("impersonate-group", "dev")];
    let why = "groups.authentication.k8s.io \"dev\" is forbidden: User \"alice\" cannot impersonate:user-info resource \"groups\" in API \
               group \"authentication.k8s.io\" at the cluster scope";
    assert_eq!(ask(&mut alice, &grouped, PODS).await, (403, why.to_owned()));
    for other in ["system:node:n1", "system:serviceaccount:ns:robot"] {
        let headers = [("impersonate-user", other)];
        assert_eq!(ask(&mut alice, &headers, PODS).await.0, 403, "{other}");
    }
    // What Bob may not do himself Alice may not do as Bob.
    let secrets = "/api/v1/namespaces/default/secrets";
    assert_eq!(ask(&mut alice, &bob, secrets).await.0, 403);
}

#[tokio::test]
async fn nobody_is_a_master_but_in_the_old_way() {
    let cluster = Cluster::start(0).await;
    let rules = json!([
        rule(
            "authentication.k8s.io",
            &["users", "groups"],
            &["impersonate:user-info"]
        ),
        rule("", &["pods"], &["impersonate-on:user-info:list"]),
    ]);
    let mut alice = alice(&cluster, rules).await;
    let as_of = |group: &'static str| [("impersonate-user", "bob"), ("impersonate-group", group)];
    assert_eq!(ask(&mut alice, &as_of("dev"), PODS).await.0, 200);
    let why = "groups.authentication.k8s.io \"system:masters\" is forbidden: User \"alice\" cannot impersonate:user-info resource \
               \"groups\" in API group \"authentication.k8s.io\" at the cluster scope: impersonating the system:masters group is not \
               allowed";
    let refused = ask(&mut alice, &as_of("system:masters"), PODS).await;
    assert_eq!(refused, (403, why.to_owned()));
}

#[tokio::test]
async fn accounts_and_nodes_have_ways_of_their_own() {
    let cluster = Cluster::start(0).await;
    let rules = json!([
        rule(
            "authentication.k8s.io",
            &["serviceaccounts"],
            &["impersonate:serviceaccount"]
        ),
        rule(
            "authentication.k8s.io",
            &["nodes"],
            &["impersonate:arbitrary-node"]
        ),
        rule("", &["pods"], &["impersonate-on:serviceaccount:list"]),
        rule("", &["services"], &["impersonate-on:arbitrary-node:list"]),
    ]);
    let mut alice = alice(&cluster, rules).await;
    let robot = [("impersonate-user", "system:serviceaccount:ns:robot")];
    assert_eq!(ask(&mut alice, &robot, PODS).await.0, 200);
    let services = "/api/v1/services";
    assert_eq!(ask(&mut alice, &robot, services).await.0, 403);
    // It is in the group of nodes, which alone may list services.
    let node = [("impersonate-user", "system:node:n1")];
    assert_eq!(ask(&mut alice, &node, services).await.0, 200);
    assert_eq!(ask(&mut alice, &node, PODS).await.0, 403);
    let bob = [("impersonate-user", "bob")];
    assert_eq!(ask(&mut alice, &bob, PODS).await.0, 403);
}

#[tokio::test]
async fn the_old_way_is_still_one() {
    let cluster = Cluster::start(0).await;
    let rules = json!([rule("", &["users"], &["impersonate"])]);
    let mut alice = alice(&cluster, rules).await;
    let bob = [("impersonate-user", "bob")];
    assert_eq!(ask(&mut alice, &bob, PODS).await.0, 200);
    assert_eq!(ask(&mut alice, &bob, &format!("{PODS}/p")).await.0, 404);
    assert_eq!(ask(&mut alice, &[], PODS).await.0, 403);
}
