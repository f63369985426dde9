//! Nodes that are not what they say, or want to be more than they are.

use serde_json::{Value, json};

use super::way::Backend;
use crate::cluster::Cluster;
use crate::http::{Client, Who};
use crate::nodes::{ask, pod, two_nodes};

const DEFAULT: &str = "/api/v1/namespaces/default";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// CVE-2022-3294: who might write nodes had the server proxy to addresses that only it could reach, itself among them.
#[tokio::test]
async fn a_node_that_says_it_is_here_is_not_proxied_to() {
    let (cluster, backend) =
        Backend::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let api = cluster.address.port();
    for (number, address) in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "224.0.0.1",
        "localhost",
    ]
    .iter()
    .enumerate()
    {
        let node = json!({"metadata": {"name": format!("bad{number}")}, "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": api}}}});
        let made = admin.post("/api/v1/nodes", &node).await;
        assert_eq!(made.status, 201, "{}", made.message());
        for port in [String::new(), format!(":{api}"), ":8080".into()] {
            for scheme in ["", "https:"] {
                let name = match (scheme, &*port) {
                    ("", port) => format!("bad{number}{port}"),
                    (_, "") => format!("https:bad{number}:"),
                    (_, port) => format!("https:bad{number}{port}"),
                };
                let got = admin.get(&format!("/api/v1/nodes/{name}/proxy/pods")).await;
                let said = (got.status.as_u16(), got.message());
                let refused = (400, "address not allowed".to_owned());
                assert_eq!(said, refused, "{address} {name}");
            }
        }
    }
    assert_eq!(backend.connections(), 0);
    // One that is where a node can be is.
    let got = admin.get("/api/v1/nodes/node2/proxy/pods").await;
    assert_eq!((got.status.as_u16(), backend.connections()), (200, 1));
}

/// CVE-2025-4563: a node made a mirror pod that said it had been given another's devices, and so was let read their claims.
#[tokio::test]
async fn a_node_gives_itself_no_resource_claim_by_a_pod() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    two_nodes(&mut admin).await;
    let node = admin.get("/api/v1/nodes/node1").await.json();
    let claim = json!({"metadata": {"name": "claim"}, "spec": {"devices": {}}});
    let claims = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims";
    let made = admin.post(claims, &claim).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let claimed = json!([{"name": "d", "resourceClaimName": "claim"}]);
    let mirror = |name: &str| {
        let mut mirror = pod(name, "node1");
        mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
        mirror["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": "node1",
            "uid": node["metadata"]["uid"], "controller": true}]);
        mirror["spec"]["volumes"] = json!([]);
        mirror["spec"]["enableServiceLinks"] = json!(false);
        mirror
    };
    let pods = format!("{DEFAULT}/pods");
    let mut asking = mirror("m1");
    asking["spec"]["resourceClaims"] = claimed.clone();
    let refused = "pods \"m1\" is forbidden: node \"node1\" can not create pods that reference resourceclaims";
    assert_eq!(
        ask(&mut admin, "POST", &pods, &asking).await,
        (403, refused.to_owned())
    );
    // What it says of the pod's status is not taken when the pod is made, and not later.
    let mut telling = mirror("m2");
    telling["status"] = json!({"resourceClaimStatuses": claimed,
        "extendedResourceClaimStatus": {"resourceClaimName": "claim", "requestMappings": []}});
    let made = ask(&mut admin, "POST", &pods, &telling).await;
    assert_eq!(made, (201, String::new()));
    let kept = admin.get(&format!("{pods}/m2")).await.json();
    assert!(kept["status"]["resourceClaimStatuses"].is_null(), "{kept}");
    assert!(
        kept["status"]["extendedResourceClaimStatus"].is_null(),
        "{kept}"
    );
    for (status, what) in [
        (
            json!({"resourceClaimStatuses": claimed}),
            "resource claim statues",
        ),
        (
            json!({"extendedResourceClaimStatus": {"resourceClaimName": "claim",
                "requestMappings": [{"containerName": "c", "resourceName": "a.b/c", "requestName": "r"}]}}),
            "extended resource claim status",
        ),
    ] {
        let (path, body) = (format!("{pods}/a/status"), json!({"status": status}));
        let refused = format!("pods \"a\" is forbidden: node \"node1\" cannot update {what}");
        assert_eq!(ask(&mut admin, "PATCH", &path, &body).await, (403, refused));
    }
    let (code, _) = ask(&mut admin, "GET", &format!("{claims}/claim"), &Value::Null).await;
    assert_eq!(code, 403);
}

/// CVE-2025-5187: a node made itself the dependent of an object that was not there. The garbage collector deleted it, and it came
/// again with the labels and without the taints that it liked.
#[tokio::test]
async fn a_node_does_not_have_itself_deleted_by_an_owner() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    two_nodes(&mut admin).await;
    let own = "/api/v1/nodes/node1";
    let owner = json!([{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "gone",
        "uid": "00000000-0000-0000-0000-000000000000"}]);
    let owned = json!({"metadata": {"ownerReferences": owner}});
    let refused = (
        403,
        "nodes \"node1\" is forbidden: node \"node1\" is not allowed to modify ownerReferences"
            .to_owned(),
    );
    assert_eq!(ask(&mut admin, "PATCH", own, &owned).await, refused);
    let mut whole = admin.get(own).await.json();
    whole["metadata"]["ownerReferences"] = owner.clone();
    assert_eq!(ask(&mut admin, "PUT", own, &whole).await, refused);
    // By its status metadata is not written at all.
    ask(&mut admin, "PATCH", &format!("{own}/status"), &owned).await;
    let kept = admin.get(own).await.json();
    assert!(kept["metadata"]["ownerReferences"].is_null(), "{kept}");
    let (code, _) = ask(&mut admin, "DELETE", own, &Value::Null).await;
    assert_eq!(code, 403);
}

/// A WebSocket is asked for with GET: who might only read what a node's own API tells ran commands in its containers.
#[tokio::test]
async fn to_read_by_a_nodes_proxy_is_not_to_run_commands() {
    let (cluster, backend) =
        Backend::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let group = "rbac.authorization.k8s.io";
    let role = |verbs: &[&str]| {
        json!({"metadata": {"name": "reads"},
            "rules": [{"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": verbs}]})
    };
    let binding = json!({"metadata": {"name": "reads"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "reads"},
        "subjects": [{"kind": "User", "name": "alice", "apiGroup": group}]});
    let roles = format!("{RBAC}/clusterroles");
    admin.post(&roles, &role(&["get"])).await;
    admin
        .post(&format!("{RBAC}/clusterrolebindings"), &binding)
        .await;
    let upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    let exec = "/api/v1/nodes/node2/proxy/exec/default/a/c?command=id&output=1";
    let mut alice = Client::connect(&cluster, Who::Token("alice-token")).await;
    let got = alice.get("/api/v1/nodes/node2/proxy/pods").await;
    assert_eq!((got.status.as_u16(), backend.connections()), (200, 1));
    let got = alice.send("GET", exec, &upgrade, "").await;
    let words = "nodes \"node2\" is forbidden: User \"alice\" cannot create resource \"nodes/proxy\" in API group \"\" at the \
                 cluster scope";
    assert_eq!((got.status.as_u16(), &*got.message()), (403, words));
    // Not asked for in the usual words, either.
    let lowered = [
        ("connection", "keep-alive, upgrade"),
        ("upgrade", "SPDY/3.1"),
    ];
    let got = alice.send("GET", exec, &lowered, "").await;
    assert_eq!(got.status, 403);
    assert_eq!(backend.connections(), 1);
    let put = [("content-type", "application/json")];
    let more = role(&["get", "create"]).to_string();
    let got = admin
        .send("PUT", &format!("{roles}/reads"), &put, more)
        .await;
    assert_eq!(got.status, 200, "{}", got.message());
    let mut alice = Client::connect(&cluster, Who::Token("alice-token")).await;
    alice.send("GET", exec, &upgrade, "").await;
    assert_eq!(backend.connections(), 2);
}
