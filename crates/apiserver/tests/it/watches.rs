//! Watches, over HTTPS and in this process.

use std::time::Duration;

use futures::StreamExt;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use k8s_openapi::api::core::v1::ConfigMap;
use navarch_api::call::{Body, Call, Gvr, Options, WatchEvent};
use navarch_api::def::Verb;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// The next `count` events.
async fn events(body: &mut Incoming, count: usize) -> Vec<Value> {
    let mut text = String::new();
    while text.lines().count() < count || !text.ends_with('\n') {
        let frame = tokio::time::timeout(Duration::from_secs(5), body.frame())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn told(event: &Value) -> (&str, &str) {
    (
        event["type"].as_str().unwrap(),
        event["object"]["metadata"]["name"]
            .as_str()
            .unwrap_or_default(),
    )
}

#[tokio::test]
async fn every_change_is_told_in_order() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin
        .post(MAPS, &json!({"metadata": {"name": "old"}}))
        .await;
    let mut watcher = Client::connect(&cluster, Who::Certificate).await;
    let mut watch = watcher
        .open("GET", &format!("{MAPS}?watch=1"), &[], "")
        .await
        .into_body();
    assert_eq!(told(&events(&mut watch, 1).await[0]), ("ADDED", "old"));
    admin
        .post(MAPS, &json!({"metadata": {"name": "new"}}))
        .await;
    let merge = [("content-type", "application/merge-patch+json")];
    admin
        .send(
            "PATCH",
            &format!("{MAPS}/new"),
            &merge,
            r#"{"data":{"a":"b"}}"#,
        )
        .await;
    admin.send("DELETE", &format!("{MAPS}/new"), &[], "").await;
    let seen = events(&mut watch, 3).await;
    assert_eq!(
        seen.iter().map(told).collect::<Vec<_>>(),
        [("ADDED", "new"), ("MODIFIED", "new"), ("DELETED", "new")]
    );
    let revisions: Vec<u64> = seen
        .iter()
        .map(|event| {
            event["object"]["metadata"]["resourceVersion"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    assert!(
        revisions.is_sorted() && revisions[1] < revisions[2],
        "{revisions:?}"
    );
}

#[tokio::test]
async fn what_leaves_the_selection_is_deleted() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let mut watcher = Client::connect(&cluster, Who::Certificate).await;
    let mut watch = watcher
        .open(
            "GET",
            &format!("{MAPS}?watch=1&labelSelector=in%3Dyes"),
            &[],
            "",
        )
        .await
        .into_body();
    admin.post(MAPS, &json!({"metadata": {"name": "x"}})).await;
    let merge = [("content-type", "application/merge-patch+json")];
    for value in ["\"yes\"", "\"no\""] {
        let patch = format!("{{\"metadata\":{{\"labels\":{{\"in\":{value}}}}}}}");
        admin
            .send("PATCH", &format!("{MAPS}/x"), &merge, &patch)
            .await;
    }
    let seen = events(&mut watch, 2).await;
    assert_eq!(
        seen.iter().map(told).collect::<Vec<_>>(),
        [("ADDED", "x"), ("DELETED", "x")]
    );
    assert_eq!(seen[1]["object"]["metadata"]["labels"]["in"], "yes");
}

#[tokio::test]
async fn a_lost_revision_is_expired() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    cluster
        .store
        .compact(cluster.store.snapshot().revision())
        .await
        .unwrap();
    let mut watch = admin
        .open("GET", &format!("{MAPS}?watch=1&resourceVersion=1"), &[], "")
        .await
        .into_body();
    let seen = events(&mut watch, 1).await;
    assert_eq!(
        (
            seen[0]["type"].as_str().unwrap(),
            seen[0]["object"]["code"].as_u64().unwrap()
        ),
        ("ERROR", 410)
    );
}

#[tokio::test]
async fn a_watch_ends_when_it_was_told_to() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let path = format!("{MAPS}?watch=1&timeoutSeconds=1");
    let ended = tokio::time::timeout(Duration::from_secs(4), admin.get(&path));
    assert_eq!(ended.await.unwrap().status, 200);
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin
        .post(MAPS, &json!({"metadata": {"name": "old"}}))
        .await;
    let query =
        "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = admin
        .open("GET", &format!("{MAPS}?{query}"), &[], "")
        .await
        .into_body();
    let seen = events(&mut watch, 2).await;
    assert_eq!(told(&seen[0]), ("ADDED", "old"));
    assert_eq!(
        seen[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

#[tokio::test]
async fn watchers_in_this_process_share_objects() {
    let cluster = Cluster::start(0).await;
    let call = || Call {
        verb: Verb::Watch,
        resource: Gvr::of::<ConfigMap>(),
        namespace: None,
        name: None,
        subresource: None,
        body: Body::None,
        options: Options {
            resource_version: cluster.store.snapshot().revision().to_string(),
            ..Options::default()
        },
    };
    let mut one = cluster.admin.watch(call()).await.unwrap();
    let mut two = cluster.admin.watch(call()).await.unwrap();
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin.post(MAPS, &json!({"metadata": {"name": "x"}})).await;
    let (Some(Ok(WatchEvent::Added(one))), Some(Ok(WatchEvent::Added(two)))) =
        (one.next().await, two.next().await)
    else {
        panic!("two additions were expected")
    };
    assert!(std::sync::Arc::ptr_eq(&one, &two));
}

#[tokio::test]
async fn large_events_come_one_chunk_after_the_other() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let large = "x".repeat(100 << 10);
    for n in 0..8 {
        admin
            .post(
                MAPS,
                &json!({"metadata": {"name": format!("m{n}")}, "data": {"a": large}}),
            )
            .await;
    }
    let mut watcher = Client::connect(&cluster, Who::Certificate).await;
    let query = "watch=1&timeoutSeconds=1";
    let got = watcher.get(&format!("{MAPS}?{query}")).await;
    let text = std::str::from_utf8(&got.bytes).unwrap();
    let seen: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<_> = seen.iter().map(|event| told(event).1.to_owned()).collect();
    let all: Vec<_> = (0..8).map(|n| format!("m{n}")).collect();
    assert_eq!(names, all);
}
