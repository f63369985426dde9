//! Deletion: grace, finalizers, namespaces.

use serde_json::json;

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const MERGE: (&str, &str) = ("content-type", "application/merge-patch+json");

#[tokio::test]
async fn finalizers_hold_an_object() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin
        .post(
            MAPS,
            &json!({"metadata": {"name": "f", "finalizers": ["example.com/keep"]}}),
        )
        .await;
    let path = format!("{MAPS}/f");
    let marked = admin.send("DELETE", &path, &[], "").await.json();
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(admin.get(&path).await.status, 200);
    admin
        .send(
            "PATCH",
            &path,
            &[MERGE],
            r#"{"metadata":{"finalizers":null}}"#,
        )
        .await;
    assert_eq!(admin.get(&path).await.status, 404);
}

#[tokio::test]
async fn preconditions_are_kept() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin.post(MAPS, &json!({"metadata": {"name": "x"}})).await;
    let options = json!({"preconditions": {"uid": "another"}}).to_string();
    let json = [("content-type", "application/json")];
    assert_eq!(
        admin
            .send("DELETE", &format!("{MAPS}/x"), &json, &options)
            .await
            .status,
        409
    );
    assert_eq!(admin.get(&format!("{MAPS}/x")).await.status, 200);
}

#[tokio::test]
async fn a_collection_goes_together() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    for n in 0..100 {
        let label = if n % 4 == 0 { "keep" } else { "go" };
        admin
            .post(
                MAPS,
                &json!({"metadata": {"name": format!("m{n}"), "labels": {"then": label}}}),
            )
            .await;
    }
    let gone = admin
        .send(
            "DELETE",
            &format!("{MAPS}?labelSelector=then%3Dgo"),
            &[],
            "",
        )
        .await
        .json();
    assert_eq!(gone["items"].as_array().unwrap().len(), 75);
    assert_eq!(
        admin.get(MAPS).await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        25
    );
}

#[tokio::test]
async fn a_namespace_that_goes_takes_nothing_in() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin
        .post("/api/v1/namespaces", &json!({"metadata": {"name": "n"}}))
        .await;
    let going = admin
        .send("DELETE", "/api/v1/namespaces/n", &[], "")
        .await
        .json();
    assert_eq!(going["status"]["phase"], "Terminating");
    let refused = admin
        .post(
            "/api/v1/namespaces/n/configmaps",
            &json!({"metadata": {"name": "x"}}),
        )
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (
            403,
            "configmaps \"x\" is forbidden: unable to create new content in namespace n because it is being terminated"
        )
    );
    let mut finalize = going.clone();
    finalize["spec"]["finalizers"] = json!([]);
    let json = [("content-type", "application/json")];
    admin
        .send(
            "PUT",
            "/api/v1/namespaces/n/finalize",
            &json,
            &finalize.to_string(),
        )
        .await;
    assert_eq!(admin.get("/api/v1/namespaces/n").await.status, 404);
    let missing = admin
        .post(
            "/api/v1/namespaces/n/configmaps",
            &json!({"metadata": {"name": "x"}}),
        )
        .await;
    assert_eq!(missing.message(), "namespaces \"n\" not found");
    let kept = admin
        .send("DELETE", "/api/v1/namespaces/default", &[], "")
        .await;
    assert_eq!(
        kept.message(),
        "namespaces \"default\" is forbidden: this namespace may not be deleted"
    );
}

#[tokio::test]
async fn deleting_again_what_is_held_changes_nothing() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let held = json!({"metadata": {"name": "f", "finalizers": ["example.com/keep"]}});
    admin.post(MAPS, &held).await;
    let path = format!("{MAPS}/f");
    let first = admin.send("DELETE", &path, &[], "").await.json();
    let second = admin.send("DELETE", &path, &[], "").await.json();
    assert_eq!(
        first["metadata"]["resourceVersion"],
        second["metadata"]["resourceVersion"]
    );
}

#[tokio::test]
async fn a_grace_beyond_all_time_harms_nobody() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin
        .post(
            "/api/v1/namespaces/default/serviceaccounts",
            &json!({"metadata": {"name": "default"}}),
        )
        .await;
    let pod = json!({
        "metadata": {"name": "p"},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]},
    });
    let made = admin.post("/api/v1/namespaces/default/pods", &pod).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let path = "/api/v1/namespaces/default/pods/p";
    let json = [("content-type", "application/json")];
    for seconds in [i64::MAX, 1] {
        let options = json!({"gracePeriodSeconds": seconds}).to_string();
        let marked = admin.send("DELETE", path, &json, &options).await;
        assert_eq!(marked.status, 200);
        assert_eq!(
            marked.json()["metadata"]["deletionGracePeriodSeconds"],
            seconds
        );
    }
}

#[tokio::test]
async fn a_large_collection_goes_whole() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    for n in 0..1100 {
        let map = json!({"metadata": {"name": format!("m{n}")}});
        assert_eq!(admin.post(MAPS, &map).await.status, 201);
    }
    assert_eq!(admin.send("DELETE", MAPS, &[], "").await.status, 200);
    assert!(
        admin.get(MAPS).await.json()["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}
