//! Pod Security: what namespaces' labels do to pods, to what makes pods, and to whoever changes the labels.
#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const NAMESPACE: &str = "/api/v1/namespaces/default";
const PODS: &str = "/api/v1/namespaces/default/pods";
const MERGE: [(&str, &str); 1] = [("content-type", "application/merge-patch+json")];
const STRATEGIC: [(&str, &str); 1] = [("content-type", "application/strategic-merge-patch+json")];

async fn start() -> (Cluster, Client) {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    let path = format!("{NAMESPACE}/serviceaccounts");
    assert_eq!(admin.post(&path, &account).await.status, 201);
    (cluster, admin)
}

async fn label(admin: &mut Client, labels: Value) -> Got {
    let of = |(key, value): (&String, &Value)| {
        (format!("pod-security.kubernetes.io/{key}"), value.clone())
    };
    let labels: serde_json::Map<String, Value> =
        labels.as_object().unwrap().iter().map(of).collect();
    let patch = json!({"metadata": {"labels": labels}}).to_string();
    admin.send("PATCH", NAMESPACE, &MERGE, patch).await
}

fn warnings(got: &Got) -> Vec<String> {
    let all = got.headers.get_all("warning").iter();
    all.map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

fn pod(name: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["automountServiceAccountToken"] = json!(false);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

fn plain(name: &str) -> Value {
    pod(name, json!({"containers": [{"name": "c", "image": "x:1"}]}))
}

#[tokio::test]
async fn what_is_enforced_is_refused_and_what_is_warned_of_is_told() {
    let (_cluster, mut admin) = start().await;
    let labelled = label(
        &mut admin,
        json!({"enforce": "baseline", "warn": "restricted"}),
    )
    .await;
    assert_eq!(labelled.status, 200, "{}", labelled.message());
    let spec = json!({"hostNetwork": true, "containers": [{"name": "c", "image": "x:1"}]});
    let refused = admin.post(PODS, &pod("h", spec)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.message(),
        "pods \"h\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)"
    );
    let made = admin.post(PODS, &plain("p")).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let told = warnings(&made);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains(
            r#"would violate PodSecurity \"restricted:latest\": allowPrivilegeEscalation"#
        )
    );
    let meta = json!({"labels": {"a": "b"}});
    let template = json!({"metadata": meta, "spec": {"hostNetwork": true, "containers": [{"name": "c", "image": "x:1"}]}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}});
    let made = admin
        .post("/apis/apps/v1/namespaces/default/deployments", &deployment)
        .await;
    assert_eq!(made.status, 201, "{}", made.message());
    assert!(warnings(&made)[0].contains("host namespaces (hostNetwork=true)"));
}

#[tokio::test]
async fn a_level_that_there_is_not_is_refused() {
    let (_cluster, mut admin) = start().await;
    let refused = label(&mut admin, json!({"enforce": "odd"})).await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.message(),
        "Namespace \"default\" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"odd\": must be \
         one of privileged, baseline, restricted"
    );
}

#[tokio::test]
async fn pods_that_are_there_are_told_of_when_the_level_is_raised() {
    let (_cluster, mut admin) = start().await;
    for name in ["b", "a"] {
        let spec = json!({"hostPID": true, "containers": [{"name": "c", "image": "x:1"}]});
        assert_eq!(admin.post(PODS, &pod(name, spec)).await.status, 201);
    }
    let raised = label(&mut admin, json!({"enforce": "baseline"})).await;
    let told = warnings(&raised);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains(r#"existing pods in namespace \"default\" violate the new PodSecurity enforce level \"baseline:latest\""#));
    assert!(told[1].contains("a (and 1 other pod): host namespaces"));
    let relaxed = label(&mut admin, json!({"enforce": "privileged"})).await;
    assert_eq!(warnings(&relaxed), [""; 0]);
}

/// CVE-2023-2727 in its form here: an ephemeral container of a pod that is there is looked at like any container.
#[tokio::test]
async fn an_ephemeral_container_keeps_to_the_level() {
    let (_cluster, mut admin) = start().await;
    assert_eq!(admin.post(PODS, &plain("p")).await.status, 201);
    label(&mut admin, json!({"enforce": "baseline"})).await;
    let path = format!("{PODS}/p/ephemeralcontainers");
    let patch = |privileged: bool| {
        let container =
            json!({"name": "e", "image": "x:1", "securityContext": {"privileged": privileged}});
        json!({"spec": {"ephemeralContainers": [container]}}).to_string()
    };
    let refused = admin.send("PATCH", &path, &STRATEGIC, patch(true)).await;
    assert_eq!(refused.status, 403, "{}", refused.message());
    assert!(
        refused
            .message()
            .contains("privileged (container \"e\" must not set")
    );
    let taken = admin.send("PATCH", &path, &STRATEGIC, patch(false)).await;
    assert_eq!(taken.status, 200, "{}", taken.message());
}

#[tokio::test]
async fn a_change_that_runs_nothing_else_is_let_be() {
    let (_cluster, mut admin) = start().await;
    assert_eq!(admin.post(PODS, &plain("p")).await.status, 201);
    label(&mut admin, json!({"enforce": "restricted"})).await;
    let path = format!("{PODS}/p");
    let labelled = json!({"metadata": {"labels": {"a": "b"}}}).to_string();
    let taken = admin.send("PATCH", &path, &MERGE, labelled).await;
    assert_eq!(taken.status, 200, "{}", taken.message());
    let image = json!({"spec": {"containers": [{"name": "c", "image": "x:2"}]}}).to_string();
    let refused = admin.send("PATCH", &path, &STRATEGIC, image).await;
    assert_eq!(refused.status, 403, "{}", refused.message());
}
