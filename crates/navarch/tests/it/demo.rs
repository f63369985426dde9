//! The first thing that anybody types: `navarch up --demo`.

use crate::cluster::Cluster;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_is_up_and_is_there_again_after_a_kill() {
    let mut cluster = Cluster::start_with(&["--demo"]);
    let said = cluster.said();
    let page = said
        .iter()
        .find(|line| line.contains("says: Hello from hello-"));
    assert!(page.is_some(), "{said:#?}");
    cluster.kill();
    cluster.up();
    let said = cluster.said();
    let again = said
        .iter()
        .find(|line| line.contains("says: Hello from hello-"));
    assert_eq!(last(again), last(page), "{said:#?}");
}

/// Which pod said it.
fn last(line: Option<&String>) -> Option<&str> {
    line.and_then(|line| line.split_whitespace().last())
}
