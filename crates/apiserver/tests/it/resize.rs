//! Resources of pods that run.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn nobody_asks_for_more_than_the_node_has() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"},
        "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "10"}}});
    assert_eq!(admin.post("/api/v1/nodes", &node).await.status, 201);
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    admin
        .post("/api/v1/namespaces/default/serviceaccounts", &account)
        .await;
    let asking = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}});
    let container =
        |resources: Value| json!({"name": "app", "image": "app:1", "resources": resources});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
        "nodeName": "n", "automountServiceAccountToken": false, "containers": [container(asking("1", "1Mi"))],
    }});
    let made = admin.post(PODS, &pod).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let strategic = [("content-type", "application/strategic-merge-patch+json")];
    let path = format!("{PODS}/p/resize");
    let patch = |resources| json!({"spec": {"containers": [container(resources)]}}).to_string();
    let refused = admin
        .send("PATCH", &path, &strategic, patch(asking("2001m", "2Gi")))
        .await;
    assert_eq!(
        refused.message(),
        "pods \"p\" is forbidden: node didn't have enough allocatable resources: cpu, requested: 2001, allocatable: 2000; \
         memory, requested: 2147483648, allocatable: 1073741824"
    );
    assert_eq!(
        refused.json()["details"]["causes"],
        json!([{"reason": "NodeCapacity"}])
    );
    let taken = admin
        .send("PATCH", &path, &strategic, patch(asking("2", "1Gi")))
        .await;
    assert_eq!(taken.status, 200, "{}", taken.message());
}

#[tokio::test]
async fn a_pod_is_asked_nothing_that_its_node_does_not_declare() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    let path = "/api/v1/namespaces/default/serviceaccounts";
    assert_eq!(admin.post(path, &account).await.status, 201);
    for (name, features) in [
        ("old", json!([])),
        ("new", json!(["InPlacePodLevelResourcesVerticalScaling"])),
    ] {
        let status = json!({"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "10"}, "declaredFeatures": features});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status});
        assert_eq!(admin.post("/api/v1/nodes", &node).await.status, 201);
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
            "nodeName": name, "automountServiceAccountToken": false, "resources": {"requests": {"cpu": "500m"}},
            "containers": [{"name": "app", "image": "app:1"}],
        }});
        let made = admin.post(PODS, &pod).await;
        assert_eq!(made.status, 201, "{}", made.message());
    }
    let merge = [("content-type", "application/merge-patch+json")];
    let patch = json!({"spec": {"resources": {"requests": {"cpu": "1"}}}}).to_string();
    let path = |name: &str| format!("{PODS}/{name}/resize");
    let refused = admin
        .send("PATCH", &path("old"), &merge, patch.clone())
        .await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.message(),
        "pods \"old\" is forbidden: pod update requires features InPlacePodLevelResourcesVerticalScaling \
         which are not available on node \"old\""
    );
    let taken = admin.send("PATCH", &path("new"), &merge, patch).await;
    assert_eq!(taken.status, 200, "{}", taken.message());
}
