//! The end: nothing is cut off that could finish, and nothing waits for ever.

use std::time::Duration;

use http_body_util::BodyExt;

use crate::cluster::Cluster;
use crate::http::{Client, Who};

#[tokio::test]
async fn watches_end_and_the_server_returns() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let watch = admin
        .open(
            "GET",
            "/api/v1/configmaps?watch=1&resourceVersion=1",
            &[],
            "",
        )
        .await
        .into_body();
    cluster.shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), watch.collect()).await;
    assert!(ended.unwrap().is_ok(), "a watch ends, it does not break");
    tokio::time::timeout(Duration::from_secs(5), cluster.served)
        .await
        .unwrap()
        .unwrap();
    assert!(
        tokio::net::TcpStream::connect(cluster.address)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn who_says_nothing_loses_its_place() {
    let cluster = Cluster::start(0).await;
    let silent = Client::connect(&cluster, Who::Nobody).await;
    let mut speaker = Client::connect(&cluster, Who::Certificate).await;
    assert_eq!(speaker.get("/version").await.status, 200);
    let watch = speaker.open("GET", "/api/v1/configmaps?watch=1", &[], "");
    let _watch = watch.await.into_body();
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(31)).await;
    tokio::time::resume();
    let cut = async {
        while !silent.is_cut() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), cut)
        .await
        .unwrap();
    assert!(!speaker.is_cut());
}
