//! Everything goes wrong for some minutes, while people do what they do; then it stops.

use std::time::Duration;

use navarch_sim::{Cluster, Part, Rates, Size, User, Witness, invariants};

use crate::{alone, seeds, simulate};

/// How long everything goes wrong.
const ROUGH: Duration = Duration::from_secs(5 * 60);
/// The test of it.
const BAD_DAY: &str = "rough::a_cluster_comes_to_rest_after_a_bad_day";
/// The longest pause between two things that happen.
const PAUSE: Duration = Duration::from_secs(4);

#[test]
fn a_cluster_comes_to_rest_after_a_bad_day() {
    simulate(BAD_DAY, bad_day, 6);
}

/// What a seed has shown once it shows again.
#[test]
fn a_seed_is_the_same_day_each_time() {
    for seed in seeds(1) {
        assert_eq!(alone(BAD_DAY, seed), alone(BAD_DAY, seed), "seed {seed}");
    }
}

async fn bad_day(seed: u64) -> Result<u64, String> {
    let mut cluster = Cluster::start(seed, 3)
        .await
        .map_err(|error| error.to_string())?;
    let mut witness = Witness::new(cluster.store.clone(), invariants::always())
        .map_err(|error| error.to_string())?;
    let size = match seed % 2 {
        0 => Size::Small,
        _ => Size::Large,
    };
    let mut user = User::new(cluster.admin(), size);
    let faults = cluster.faults.clone();
    faults.set(Rates::ROUGH);
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < ROUGH {
        tokio::time::sleep(faults.within(PAUSE)).await;
        match faults.happens(0.6) {
            true => user.act(&faults).await,
            false => accident(&mut cluster).await?,
        }
        witness.look()?;
    }
    cluster.heal().await.map_err(|error| error.to_string())?;
    user.settle().await.map_err(|error| error.to_string())?;
    cluster.settles(&mut witness).await?;
    cluster.rests().await?;
    for node in &cluster.nodes {
        if let Some(violation) = node.machine.violations().first() {
            return Err(format!("{}: {violation}", node.name));
        }
    }
    Ok(witness.digest())
}

/// Something is killed, or comes back.
async fn accident(cluster: &mut Cluster) -> Result<(), String> {
    let faults = cluster.faults.clone();
    let at = faults.below(cluster.nodes.len());
    let part = match faults.happens(0.5) {
        true => Part::Scheduler,
        false => Part::Controllers,
    };
    match faults.below(9) {
        0 => cluster.kill_server(),
        1 | 2 => cluster
            .start_server()
            .await
            .map_err(|error| error.to_string())?,
        3 => cluster.kill_part(part),
        4 => cluster.start_part(part),
        5 => cluster.nodes[at].kill(),
        6 => cluster.start_node(at),
        7 => {
            let name = cluster.nodes[at].name.clone();
            faults.cut(&name, faults.happens(0.4));
        }
        _ => match faults.happens(0.2) {
            true => cluster.nodes[at].reboot(),
            false => cluster.nodes[at].crash_container(faults.below(100)),
        },
    }
    Ok(())
}
