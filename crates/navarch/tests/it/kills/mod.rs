//! kill -9 of the whole program under load: nothing acknowledged is lost, and no container notices.

mod containers;
mod writes;

use crate::cluster::Cluster;
use containers::Counters;
use writes::Writers;

/// Rounds of killing: `NAVARCH_TEST_KILLS`, or so many.
const ROUNDS: u32 = 3;
/// Acknowledged writes before each kill.
const WRITES: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_program_loses_no_write_and_no_container() {
    let rounds = std::env::var("NAVARCH_TEST_KILLS").map_or(ROUNDS, |text| text.parse().unwrap());
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
    let acknowledged = writers.stop().await;
    counters.logs_have_no_gap().await;
    println!("{rounds} kills, {acknowledged} acknowledged writes, all there");
}
