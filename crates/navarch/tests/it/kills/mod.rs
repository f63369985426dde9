//! kill -9 of the whole program under load: nothing acknowledged is lost, and no container notices.

pub(crate) mod containers;
mod watches;
mod writes;

use crate::api_only::ApiOnly;
use crate::cluster::Cluster;
use containers::Counters;
use watches::Watchers;
use writes::Writers;

/// Rounds of killing: `NAVARCH_TEST_KILLS`, or so many.
const ROUNDS: u32 = 3;
/// Acknowledged writes before each kill.
const WRITES: usize = 60;

fn rounds() -> u32 {
    std::env::var("NAVARCH_TEST_KILLS").map_or(ROUNDS, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_program_loses_no_write_and_no_container() {
    let rounds = rounds();
    let mut cluster = Cluster::start();
    let counters = Counters::start(cluster.client().await).await;
    let processes = counters.processes(&cluster.data());
    assert!(processes.len() >= containers::COUNT, "{processes:?}");
    let mut writers = Writers::start(cluster.client().await).await;
    for round in 1..=rounds {
        writers.more(WRITES).await;
        // In the midst of writes: the next are under way already.
        cluster.kill();
        cluster.up();
        writers.hold_against(cluster.client().await).await;
        let now = counters.processes(&cluster.data());
        assert_eq!(now, processes, "after kill {round} other processes run");
        counters.are_ready_and_never_restarted().await;
    }
    let acknowledged = writers.stop().await.len();
    counters.logs_have_no_gap().await;
    println!("{rounds} kills, {acknowledged} acknowledged writes, all there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watch_that_goes_on_after_a_kill_has_no_gap() {
    let mut api = ApiOnly::start().await;
    let mut writers = Writers::start(api.client().await).await;
    let watchers = Watchers::start(api.client().await).await;
    for _ in 0..rounds() {
        writers.more(WRITES).await;
        api.kill_and_restart();
    }
    writers.more(WRITES).await;
    let acknowledged = writers.stop().await;
    watchers.hold_against(&acknowledged).await;
}
