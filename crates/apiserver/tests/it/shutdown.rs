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
