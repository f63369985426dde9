//! A server to try things on by hand: `NAVARCH_TEST_PORT=8443 cargo test -p navarch-apiserver --test it by_hand -- --ignored`.

use crate::cluster::Cluster;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "serves until it is interrupted"]
async fn by_hand() {
    let port = std::env::var("NAVARCH_TEST_PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(8443);
    let cluster = Cluster::start(port).await;
    tokio::signal::ctrl_c().await.unwrap();
    cluster.shutdown.cancel();
    cluster.served.await.unwrap();
}
