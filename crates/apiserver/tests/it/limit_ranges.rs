//! Limit ranges: what containers get, and what is refused. The constraints themselves are tested where they are.
#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const NAMESPACE: &str = "/api/v1/namespaces/default";

async fn start(limits: Value) -> (Cluster, Client) {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": limits}});
    for (plural, object) in [("serviceaccounts", account), ("limitranges", range)] {
        let made = admin.post(&format!("{NAMESPACE}/{plural}"), &object).await;
        assert_eq!(made.status, 201, "{}", made.message());
    }
    (cluster, admin)
}

fn pod(name: &str, containers: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"automountServiceAccountToken": false, "containers": containers}})
}

#[tokio::test]
async fn defaults_are_put_in_before_bounds_are_looked_at() {
    let limits = json!([{"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"},
        "max": {"cpu": "1"}, "min": {"cpu": "50m"}}]);
    let (_cluster, mut admin) = start(limits).await;
    let path = format!("{NAMESPACE}/pods");
    let made = admin
        .post(&path, &pod("a", json!([{"name": "c", "image": "x:1"}])))
        .await;
    assert_eq!(made.status, 201, "{}", made.message());
    let made = made.json();
    let told = "LimitRanger plugin set: cpu request for container c; cpu limit for container c";
    assert_eq!(
        made["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        told
    );
    let own = json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}});
    assert_eq!(made["spec"]["containers"][0]["resources"], own);
    let over = json!([{"name": "c", "image": "x:1", "resources": {"limits": {"cpu": "3"}}}]);
    let refused = admin.post(&path, &pod("b", over)).await;
    assert_eq!(refused.status, 403);
    let why = "pods \"b\" is forbidden: maximum cpu usage per Container is 1, but limit is 3";
    assert_eq!(refused.message(), why);
}

#[tokio::test]
async fn a_resize_keeps_within_bounds() {
    let limits = json!([{"type": "Container", "max": {"cpu": "1"}}]);
    let (_cluster, mut admin) = start(limits).await;
    let container = |cpu: &str| {
        let amounts = json!({"cpu": cpu});
        json!([{"name": "c", "image": "x:1", "resources": {"requests": amounts, "limits": amounts}}])
    };
    let path = format!("{NAMESPACE}/pods");
    let made = admin.post(&path, &pod("a", container("1"))).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let patch = json!({"spec": {"containers": container("2")}}).to_string();
    let strategic = [("content-type", "application/strategic-merge-patch+json")];
    let path = format!("{path}/a/resize");
    let refused = admin.send("PATCH", &path, &strategic, patch).await;
    assert_eq!(refused.status, 403, "{}", refused.message());
    assert!(
        refused
            .message()
            .contains("maximum cpu usage per Container is 1, but limit is 2")
    );
}

#[tokio::test]
async fn a_claim_keeps_within_bounds() {
    let limits = json!([{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]);
    let (_cluster, mut admin) = start(limits).await;
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}});
    let refused = admin
        .post(&format!("{NAMESPACE}/persistentvolumeclaims"), &claim)
        .await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.message(),
        "persistentvolumeclaims \"c\" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi"
    );
}

#[tokio::test]
async fn what_a_pod_asks_for_as_a_whole_is_at_least_what_its_containers_were_given() {
    let limits = json!([{"type": "Container", "defaultRequest": {"cpu": "100m"}}]);
    let (_cluster, mut admin) = start(limits).await;
    let mut pod = pod(
        "a",
        json!([{"name": "c", "image": "x:1"}, {"name": "d", "image": "x:1"}]),
    );
    pod["spec"]["resources"] = json!({"limits": {"memory": "64Mi"}});
    let made = admin.post(&format!("{NAMESPACE}/pods"), &pod).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let requests = json!({"cpu": "200m", "memory": "64Mi"});
    assert_eq!(made.json()["spec"]["resources"]["requests"], requests);
}
