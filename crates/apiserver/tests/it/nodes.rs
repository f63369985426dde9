//! What a node may do: it sees what its pods need, and writes what is its own. The answers are those of Kubernetes 1.36.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const DEFAULT: &str = "/api/v1/namespaces/default";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const AS_NODE: [(&str, &str); 2] = [
    ("impersonate-user", "system:node:node1"),
    ("impersonate-group", "system:nodes"),
];

/// Asks as `node1`: the status, and what is said against it.
pub(crate) async fn ask(
    admin: &mut Client,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, String) {
    let kind = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let [user, group] = AS_NODE;
    let headers = [user, group, ("content-type", kind)];
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let got = admin.send(method, path, &headers, &text).await;
    let said = if got.status.is_success() {
        String::new()
    } else {
        got.message()
    };
    (got.status.as_u16(), said)
}

pub(crate) fn pod(name: &str, node: &str) -> Value {
    let secret = format!("sec-{name}");
    json!({"metadata": {"name": name}, "spec": {
        "nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "i"}],
        "volumes": [{"name": "s", "secret": {"secretName": secret}}]}})
}

/// Two nodes with a pod each, whose uids are answered.
pub(crate) async fn two_nodes(admin: &mut Client) -> Vec<String> {
    let account = json!({"metadata": {"name": "default"}});
    admin
        .post(&format!("{DEFAULT}/serviceaccounts"), &account)
        .await;
    let mut uids = Vec::new();
    for (name, node) in [("a", "node1"), ("b", "node2")] {
        admin
            .post("/api/v1/nodes", &json!({"metadata": {"name": node}}))
            .await;
        let secret = json!({"metadata": {"name": format!("sec-{name}")}});
        admin.post(&format!("{DEFAULT}/secrets"), &secret).await;
        let made = admin
            .post(&format!("{DEFAULT}/pods"), &pod(name, node))
            .await;
        assert_eq!(made.status, 201, "{}", made.message());
        uids.push(made.json()["metadata"]["uid"].as_str().unwrap().to_owned());
    }
    uids
}

#[tokio::test]
async fn a_node_sees_what_its_pods_need_for_as_long_as_they_are_there() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    two_nodes(&mut admin).await;
    let none = Value::Null;
    let (own, others) = (
        format!("{DEFAULT}/secrets/sec-a"),
        format!("{DEFAULT}/secrets/sec-b"),
    );
    assert_eq!(ask(&mut admin, "GET", &own, &none).await.0, 200);
    let why = "secrets \"sec-b\" is forbidden: User \"system:node:node1\" cannot get resource \"secrets\" in API group \"\" in the \
               namespace \"default\": no relationship found between node 'node1' and this object";
    assert_eq!(
        ask(&mut admin, "GET", &others, &none).await,
        (403, why.to_owned())
    );
    let listed = |path: &str| format!("{path}?fieldSelector=spec.nodeName%3Dnode1");
    assert_eq!(
        ask(&mut admin, "GET", &listed("/api/v1/pods"), &none)
            .await
            .0,
        200
    );
    assert_eq!(ask(&mut admin, "GET", "/api/v1/pods", &none).await.0, 403);
    let other = ask(&mut admin, "GET", &format!("{DEFAULT}/pods/b"), &none).await;
    assert_eq!(other.0, 403);
    let own_node = "/api/v1/nodes?fieldSelector=metadata.name%3Dnode1";
    assert_eq!(ask(&mut admin, "GET", own_node, &none).await.0, 200);
    assert_eq!(ask(&mut admin, "GET", "/api/v1/nodes", &none).await.0, 403);
    let another = "/api/v1/nodes/node2";
    assert_eq!(ask(&mut admin, "GET", another, &none).await.0, 403);
    assert_eq!(
        ask(&mut admin, "GET", "/api/v1/services", &none).await.0,
        200
    );
    let path = format!("{DEFAULT}/pods/a");
    assert_eq!(ask(&mut admin, "DELETE", &path, &none).await.0, 200);
    assert_eq!(ask(&mut admin, "GET", &own, &none).await.0, 403);
}

#[tokio::test]
async fn a_node_writes_what_is_its_own() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    two_nodes(&mut admin).await;
    let at = |path: &str| format!("{DEFAULT}/{path}");
    let status = json!({"status": {"message": "x"}});
    let labelled = json!({"metadata": {"labels": {"a": "b"}}, "status": {"message": "x"}});
    let mut mirror = pod("m", "node1");
    mirror["spec"]["volumes"] = json!([]);
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    let evicted = json!({"metadata": {"name": "b"}});
    let named = |name: &str| json!({"metadata": {"name": name}});
    let labels =
        json!({"metadata": {"labels": {"a.k8s.io/b": "c", "kubernetes.io/zz": "c", "team": "x"}}});
    let cases: [(&str, String, Value, &str); 17] = [
        (
            "POST",
            "/api/v1/nodes".into(),
            named("node3"),
            "nodes \"node3\" is forbidden: node \"node1\" is not allowed to modify node \"node3\"",
        ),
        (
            "PATCH",
            "/api/v1/nodes/node1".into(),
            json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}),
            "nodes \"node1\" is forbidden: node \"node1\" is not allowed to modify taints",
        ),
        (
            "PATCH",
            "/api/v1/nodes/node1".into(),
            labels,
            "nodes \"node1\" is forbidden: is not allowed to modify labels: a.k8s.io/b, kubernetes.io/zz",
        ),
        (
            "PATCH",
            "/api/v1/nodes/node1".into(),
            json!({"metadata": {"labels": {"team": "x"}}}),
            "",
        ),
        (
            "PATCH",
            "/api/v1/nodes/node2/status".into(),
            json!({"status": {"phase": "x"}}),
            "nodes \"node2\" is forbidden: node \"node1\" is not allowed to modify node \"node2\"",
        ),
        (
            "DELETE",
            at("pods/b"),
            Value::Null,
            "pods \"b\" is forbidden: node \"node1\" can only delete pods with spec.nodeName set to itself",
        ),
        (
            "PATCH",
            at("pods/b/status"),
            status.clone(),
            "pods \"b\" is forbidden: node \"node1\" can only update pod status for pods with spec.nodeName set to itself",
        ),
        (
            "PATCH",
            at("pods/a/status"),
            labelled,
            "pods \"a\" is forbidden: node \"node1\" cannot update labels through pod status",
        ),
        ("PATCH", at("pods/a/status"), status, ""),
        (
            "POST",
            at("pods/b/eviction"),
            evicted,
            "pods \"b\" is forbidden: node node1 can only evict pods with spec.nodeName set to itself",
        ),
        (
            "POST",
            at("pods"),
            pod("m", "node1"),
            "pods \"m\" is forbidden: pod does not have \"kubernetes.io/config.mirror\" annotation, node \"node1\" can only create mirror pods",
        ),
        (
            "POST",
            at("pods"),
            mirror,
            "pods \"m\" is forbidden: node \"node1\" can only create pods with an owner reference set to itself",
        ),
        (
            "POST",
            LEASES.into(),
            named("node2"),
            "leases.coordination.k8s.io \"node2\" is forbidden: can only access node lease with the same name as the requesting node",
        ),
        ("POST", LEASES.into(), named("node1"), ""),
        (
            "POST",
            "/apis/storage.k8s.io/v1/csinodes".into(),
            json!({"metadata": {"name": "node2"}, "spec": {"drivers": []}}),
            "csinodes.storage.k8s.io \"node2\" is forbidden: can only access CSINode with the same name as the requesting node",
        ),
        (
            "POST",
            "/apis/resource.k8s.io/v1/resourceslices".into(),
            json!({"metadata": {"name": "s"}, "spec": {"driver": "d.example.org", "nodeName": "node2",
                "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}}),
            "resourceslices.resource.k8s.io \"s\" is forbidden: can only create ResourceSlice with the same NodeName as the requesting node",
        ),
        ("DELETE", at("pods/a"), Value::Null, ""),
    ];
    for (method, path, body, wanted) in &cases {
        let (_, said) = ask(&mut admin, method, path, body).await;
        assert_eq!(said, *wanted, "{method} {path}");
    }
}

#[tokio::test]
async fn a_node_gets_tokens_that_its_pods_ask_for() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let uids = two_nodes(&mut admin).await;
    let path = format!("{DEFAULT}/serviceaccounts/default/token");
    let bound = |uid: &str| {
        let mut pod = json!({"kind": "Pod", "apiVersion": "v1", "name": "a"});
        if !uid.is_empty() {
            pod["uid"] = uid.into();
        }
        json!({"spec": {"boundObjectRef": pod}})
    };
    let mut audience = bound(&uids[0]);
    audience["spec"]["audiences"] = json!(["x"]);
    let refused = |why: &str| {
        (
            403,
            format!("serviceaccounts \"default\" is forbidden: {why}"),
        )
    };
    for (body, wanted) in [
        (
            json!({"spec": {}}),
            refused("node requested token not bound to a pod"),
        ),
        (
            bound(""),
            refused("node requested token with a pod binding without a uid"),
        ),
        (
            bound("zz"),
            refused(
                "the UID in the bound object reference (zz) does not match the UID in record. The object might have been \
                               deleted and then recreated",
            ),
        ),
        (
            audience,
            refused(
                "audience \"x\" not found in pod spec volume, system:node:node1 is not authorized to request tokens for this \
                            audience",
            ),
        ),
        (bound(&uids[0]), (201, String::new())),
    ] {
        assert_eq!(
            ask(&mut admin, "POST", &path, &body).await,
            wanted,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_nodes_rules_are_told_as_far_as_they_can_be() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let [user, group] = AS_NODE;
    let headers = [user, group, ("content-type", "application/json")];
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "default"}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let got = admin
        .send("POST", path, &headers, &review.to_string())
        .await
        .json();
    assert_eq!(got["status"]["incomplete"], true);
    let why = "node authorizer does not support user rule resolution";
    assert_eq!(got["status"]["evaluationError"], why);
}
