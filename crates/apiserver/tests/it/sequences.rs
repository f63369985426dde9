//! What only several requests one after the other show.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const PLACE: &str = "/api/v1/namespaces/default";
const MERGE: [(&str, &str); 1] = [("content-type", "application/merge-patch+json")];

async fn with_account(cluster: &Cluster) -> Client {
    let mut admin = Client::connect(cluster, Who::Certificate).await;
    for name in ["default", "robot"] {
        let account = json!({"metadata": {"name": name}});
        made(
            &admin
                .post(&format!("{PLACE}/serviceaccounts"), &account)
                .await,
        );
    }
    admin
}

fn made(got: &Got) -> Value {
    assert!(got.status.is_success(), "{}", got.message());
    got.json()
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

#[tokio::test]
async fn parts_of_a_pod() {
    let cluster = Cluster::start(0).await;
    let mut admin = with_account(&cluster).await;
    made(&admin.post(&format!("{PLACE}/pods"), &pod("p")).await);
    let debug = json!({"metadata": {"labels": {"not": "kept"}}, "spec": {
        "ephemeralContainers": [{"name": "e", "image": "i", "terminationMessagePolicy": "File"}]}});
    let path = format!("{PLACE}/pods/p/ephemeralcontainers");
    let patched = made(&admin.send("PATCH", &path, &MERGE, debug.to_string()).await);
    assert_eq!(patched["metadata"]["labels"], Value::Null);
    let mut whole = patched;
    whole["status"]["message"] = "told".into();
    let put = admin
        .send(
            "PUT",
            &format!("{PLACE}/pods/p/status"),
            &[],
            whole.to_string(),
        )
        .await;
    assert_eq!(made(&put)["status"]["message"], "told");
    let node = json!({"metadata": {"name": "p", "labels": {"from": "binding"}}, "target": {"kind": "Node", "name": "n"}});
    made(&admin.post(&format!("{PLACE}/pods/p/binding"), &node).await);
    let bound = admin.get(&format!("{PLACE}/pods/p")).await.json();
    assert_eq!(bound["metadata"]["labels"], json!({"from": "binding"}));
    let token =
        json!({"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}}});
    let path = |account: &str| format!("{PLACE}/serviceaccounts/{account}/token");
    made(&admin.post(&path("default"), &token).await);
    let refused = admin.post(&path("robot"), &token).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (
            400,
            "cannot bind token for serviceaccount \"robot\" to pod running with different serviceaccount name."
        )
    );
}

#[tokio::test]
async fn what_is_there_already() {
    let cluster = Cluster::start(0).await;
    let mut admin = with_account(&cluster).await;
    let mut twice = pod("p");
    twice["spec"]["containers"][0]["env"] =
        json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    twice["metadata"]["generateName"] = "p-".into();
    let first = admin.post(&format!("{PLACE}/pods"), &twice).await;
    made(&first);
    let second = admin.post(&format!("{PLACE}/pods"), &twice).await;
    assert_eq!(second.status, 409);
    assert_eq!(second.headers["warning"], first.headers["warning"]);
    let words = "pods \"p\" already exists, the server was not able to generate a unique name for the object";
    assert_eq!(second.message(), words);
}

#[tokio::test]
async fn who_waits_for_dependents() {
    let cluster = Cluster::start(0).await;
    let mut admin = with_account(&cluster).await;
    made(
        &admin
            .post("/api/v1/namespaces", &json!({"metadata": {"name": "n"}}))
            .await,
    );
    let foreground = json!({"propagationPolicy": "Foreground"}).to_string();
    let ends = made(
        &admin
            .send("DELETE", "/api/v1/namespaces/n", &[], foreground.clone())
            .await,
    );
    assert_eq!(
        ends["metadata"]["finalizers"],
        json!(["foregroundDeletion"])
    );
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}});
    made(&admin.post(&format!("{PLACE}/events"), &event).await);
    made(
        &admin
            .send("DELETE", &format!("{PLACE}/events/e"), &[], foreground)
            .await,
    );
    assert_eq!(admin.get(&format!("{PLACE}/events/e")).await.status, 404);
    let template = json!({"metadata": {"labels": {"z": "y"}}, "spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    let job = json!({"metadata": {"name": "j"}, "spec": {"template": template}});
    let job = made(
        &admin
            .post("/apis/batch/v1/namespaces/default/jobs", &job)
            .await,
    );
    assert_eq!(
        job["metadata"]["labels"],
        job["spec"]["template"]["metadata"]["labels"]
    );
    assert_eq!(
        job["metadata"]["labels"]["batch.kubernetes.io/job-name"],
        "j"
    );
}
