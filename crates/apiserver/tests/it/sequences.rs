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

/// Who deletes a pod at once is shown twice to those who watch: as it is marked, and as it goes.
#[tokio::test]
async fn a_pod_that_is_deleted_at_once() {
    let cluster = Cluster::start(0).await;
    let mut admin = with_account(&cluster).await;
    let pod = made(&admin.post(&format!("{PLACE}/pods"), &pod("p")).await);
    made(
        &admin
            .send("DELETE", &format!("{PLACE}/pods/p"), &[], "")
            .await,
    );
    let version = pod["metadata"]["resourceVersion"].as_str().unwrap();
    let path = format!("{PLACE}/pods?watch=1&timeoutSeconds=1&resourceVersion={version}");
    let told = admin.get(&path).await;
    let told: Vec<Value> = std::str::from_utf8(&told.bytes)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = told
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["MODIFIED", "DELETED"]);
    for event in &told {
        let meta = &event["object"]["metadata"];
        assert_eq!(meta["deletionGracePeriodSeconds"], 0);
        assert!(meta["deletionTimestamp"].is_string());
    }
}

#[tokio::test]
async fn what_a_binding_and_an_eviction_mean() {
    let cluster = Cluster::start(0).await;
    let mut admin = with_account(&cluster).await;
    made(&admin.post(&format!("{PLACE}/pods"), &pod("p")).await);
    let mut binding =
        json!({"metadata": {"name": "p", "uid": "z"}, "target": {"kind": "Node", "name": "n"}});
    let path = format!("{PLACE}/pods/p/binding");
    let refused = admin.post(&path, &binding).await;
    assert_eq!(refused.status, 409);
    let failed = "Operation cannot be fulfilled on pods \"p\": StorageError: invalid object, Code: 4, Key: /registry/pods/default/p, \
                  ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: z";
    assert!(
        refused.message().starts_with(failed),
        "{}",
        refused.message()
    );
    binding["metadata"] = json!({"name": "p", "resourceVersion": "1"});
    assert_eq!(admin.post(&path, &binding).await.status, 409);
    binding["metadata"]["uid"] = "z".into();
    // There the binding is an object of its own.
    made(&admin.post(&format!("{PLACE}/bindings"), &binding).await);
    let another = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
    let refused = admin
        .post(&format!("{PLACE}/pods/p/eviction"), &another)
        .await;
    let words = "Pod in version \"v1\" cannot be handled as a Eviction: converting (v1.Pod) to (policy.Eviction): unknown conversion";
    assert_eq!(refused.message(), words);
    let path = "/api/v1/namespaces/nowhere/pods/p/eviction";
    let eviction = json!({"metadata": {"name": "p"}});
    let words = "namespaces \"nowhere\" not found";
    assert_eq!(admin.post(path, &eviction).await.message(), words);
}

#[tokio::test]
async fn a_scale_is_shown_as_what_it_is() {
    let cluster = Cluster::start(0).await;
    let mut admin = with_account(&cluster).await;
    let place = "/apis/apps/v1/namespaces/default/deployments";
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let spec =
        json!({"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template});
    let deployment = json!({"metadata": {"name": "d"}, "spec": spec});
    made(&admin.post(place, &deployment).await);
    let path = format!("{place}/d/scale");
    let table = [("accept", "application/json;as=Table;g=meta.k8s.io;v=v1")];
    let table = admin.send("GET", &path, &table, "").await.json();
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["columnDefinitions"][1]["name"], "Desired");
    assert_eq!(table["rows"][0]["cells"][1], 2);
    // None is left out, and what is left out is nobody's.
    let none = json!({"spec": {"replicas": 0}}).to_string();
    let scaled = admin
        .send("PATCH", &format!("{path}?fieldManager=s"), &MERGE, none)
        .await;
    assert_eq!(made(&scaled)["spec"], json!({}));
    let deployment = admin.get(&format!("{place}/d")).await.json();
    assert_eq!(deployment["spec"]["replicas"], 0);
    let managers = deployment["metadata"]["managedFields"].as_array().unwrap();
    assert!(managers.iter().all(|entry| entry["manager"] != "s"));
}

#[tokio::test]
async fn an_empty_list_of_rules_is_a_change() {
    let cluster = Cluster::start(0).await;
    let mut admin = with_account(&cluster).await;
    let place = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies";
    let mut policy = json!({"metadata": {"name": "n"}, "spec": {"podSelector": {}, "ingress": []}});
    let first = made(&admin.post(place, &policy).await);
    assert_eq!(first["metadata"]["generation"], 1);
    let put = async |admin: &mut Client, policy: &Value| {
        let path = format!("{place}/n");
        let got = admin.send("PUT", &path, &[], policy.to_string()).await;
        made(&got)
    };
    let second = put(&mut admin, &policy).await;
    assert_eq!(second["metadata"]["generation"], 2);
    assert_eq!(second["spec"]["ingress"], Value::Null);
    policy["spec"] = json!({"podSelector": {}});
    assert_eq!(put(&mut admin, &policy).await["metadata"]["generation"], 2);
    policy["spec"] = json!({"podSelector": {"matchLabels": {}}});
    let last = put(&mut admin, &policy).await;
    assert_eq!(last["metadata"]["generation"], 3);
    assert_eq!(last["spec"]["podSelector"], json!({}));
}

#[tokio::test]
async fn a_service_is_made_by_its_status() {
    let cluster = Cluster::start(0).await;
    let mut admin = with_account(&cluster).await;
    let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}]}});
    let path = format!("{PLACE}/services/s/status");
    let put = admin.send("PUT", &path, &[], service.to_string()).await;
    assert_eq!(put.status, 201, "{}", put.message());
    assert_eq!(put.json()["spec"]["clusterIP"], Value::Null);
    let pod = pod("nope").to_string();
    let path = format!("{PLACE}/pods/nope/status");
    let put = admin.send("PUT", &path, &[], pod).await;
    assert_eq!(put.status, 404);
}
