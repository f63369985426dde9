//! All that anybody sees is old, and nothing else is wrong: a roll-out still takes no more pods away than it may.

use std::time::Duration;

use navarch_sim::invariants::{self, StaysAvailable};
use navarch_sim::{Cluster, Rates, Size, User, Witness};
use serde_json::json;

use crate::simulate;

#[test]
fn roll_outs_keep_enough_pods_whatever_is_seen_late() {
    let own = "stale::roll_outs_keep_enough_pods_whatever_is_seen_late";
    simulate(own, roll_outs, 6);
}

async fn roll_outs(seed: u64) -> Result<u64, String> {
    let told = |error: navarch_machinery::status::StatusError| error.to_string();
    let cluster = Cluster::start(seed, 3)
        .await
        .map_err(|error| error.to_string())?;
    let mut invariants = invariants::always();
    invariants.push(Box::new(StaysAvailable::default()));
    let mut witness =
        Witness::new(cluster.store.clone(), invariants).map_err(|error| error.to_string())?;
    let mut user = User::new(cluster.admin(), Size::Small);
    let rolling = [
        json!({"maxSurge": 1, "maxUnavailable": 0}),
        json!({"maxSurge": 0, "maxUnavailable": 1}),
        json!({"maxSurge": "50%", "maxUnavailable": "50%"}),
    ];
    for (at, rolling) in rolling.into_iter().enumerate() {
        user.deploy(&format!("d{at}"), 3, rolling)
            .await
            .map_err(told)?;
    }
    cluster.settles(&mut witness).await?;
    cluster.faults.set(Rates::STALE);
    for _ in 0..4 {
        for at in 0..3 {
            user.roll(&format!("d{at}")).await.map_err(told)?;
            let until = cluster.faults.within(Duration::from_secs(30));
            tokio::time::sleep(until).await;
            witness.look()?;
        }
    }
    cluster.settles(&mut witness).await?;
    cluster.faults.set(Rates::NONE);
    cluster.rests().await?;
    Ok(witness.digest())
}
