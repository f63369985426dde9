//! What the network of a node that has joined may do: it speaks by a token of the account kube-proxy, which the node gets for as long as
//! its own object is there.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};
use crate::nodes::{ask, two_nodes};

const ACCOUNTS: &str = "/api/v1/namespaces/kube-system/serviceaccounts";
/// What it follows.
const FOLLOWED: [&str; 7] = [
    "/api/v1/pods",
    "/api/v1/nodes",
    "/api/v1/namespaces",
    "/api/v1/services",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/networking.k8s.io/v1/servicecidrs",
];

async fn uid(admin: &mut Client, node: &str) -> String {
    let got = admin.get(&format!("/api/v1/nodes/{node}")).await.json();
    got["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// A request for a token that is bound to an object.
fn bound(kind: &str, name: &str, uid: &str) -> Value {
    json!({"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": kind, "name": name, "uid": uid}}})
}

#[tokio::test]
async fn a_node_gets_a_token_for_its_network_that_dies_with_its_object() {
    let cluster = Cluster::start(0).await;
    cluster.server.bootstrap().await.unwrap();
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let pods = two_nodes(&mut admin).await;
    let (own, other) = (
        uid(&mut admin, "node1").await,
        uid(&mut admin, "node2").await,
    );
    for name in ["node1", "other"] {
        let account = json!({"metadata": {"name": name}});
        admin.post(ACCOUNTS, &account).await;
    }
    let path = format!("{ACCOUNTS}/kube-proxy/token");
    let refused = |why: &str| {
        let message = format!("serviceaccounts \"kube-proxy\" is forbidden: {why}");
        (403, message)
    };
    let unbound = || refused("node requested token not bound to a pod");
    let mut elsewhere = bound("Node", "node1", &own);
    elsewhere["spec"]["audiences"] = json!(["elsewhere"]);
    let recreated = "Operation cannot be fulfilled on Node \"node1\": the UID in the bound object reference (zz) does not match the UID \
                     in record. The object might have been deleted and then recreated";
    let no_pod = (404, "pods \"a\" not found".to_owned());
    for (body, wanted) in [
        (json!({"spec": {}}), unbound()),
        (bound("Node", "node2", &other), unbound()),
        (bound("Node", "node1", ""), unbound()),
        (elsewhere, unbound()),
        (bound("Secret", "node1", &own), unbound()),
        (bound("Pod", "a", &pods[0]), no_pod),
        (bound("Node", "node1", "zz"), (409, recreated.to_owned())),
        (bound("Node", "node1", &own), (201, String::new())),
    ] {
        let got = ask(&mut admin, "POST", &path, &body).await;
        assert_eq!(got, wanted, "{body}");
    }
    // No other account's, and no account's of that name elsewhere.
    let body = bound("Node", "node1", &own);
    let of_default = "/api/v1/namespaces/default/serviceaccounts";
    let named = json!({"metadata": {"name": "kube-proxy"}});
    admin.post(of_default, &named).await;
    for path in [
        format!("{ACCOUNTS}/other/token"),
        format!("{of_default}/kube-proxy/token"),
        format!("{of_default}/default/token"),
    ] {
        let (code, said) = ask(&mut admin, "POST", &path, &body).await;
        assert_eq!(code, 403, "{path}: {said}");
    }

    // By it, and not as the node itself, all is seen that the network needs; and nothing is written.
    let [user, group] = [
        ("impersonate-user", "system:node:node1"),
        ("impersonate-group", "system:nodes"),
    ];
    let headers = [user, group, ("content-type", "application/json")];
    let made = admin.send("POST", &path, &headers, &body.to_string()).await;
    let token = made.json()["status"]["token"].as_str().unwrap().to_owned();
    let mut network = Client::connect(&cluster, Who::Token(&token)).await;
    for path in FOLLOWED {
        let got = network.get(path).await;
        assert_eq!(got.status, 200, "{path}: {}", got.message());
    }
    for path in ["/api/v1/secrets", "/api/v1/configmaps"] {
        assert_eq!(network.get(path).await.status, 403, "{path}");
    }
    for path in FOLLOWED
        .into_iter()
        .filter(|path| *path != "/api/v1/services")
    {
        let got = ask(&mut admin, "GET", path, &Value::Null).await;
        assert_eq!(got.0, 403, "{path}");
    }
    let node = ("DELETE", "/api/v1/nodes/node1");
    let gone = admin.send(node.0, node.1, &[], "").await;
    assert_eq!(gone.status, 200, "{}", gone.message());
    assert_eq!(network.get(FOLLOWED[0]).await.status, 401);
}
