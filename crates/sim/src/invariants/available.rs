//! A roll-out takes no more pods away than it may.

use std::collections::BTreeSet;

use super::{controller, is_ready, replicas, surge_and_unavailable, uid};
use crate::witness::{Change, Invariant, State};

/// Of a deployment that was whole once, as many pods serve as it must have. It holds while nobody but the deployment takes pods away, and
/// nobody scales it.
#[derive(Debug, Default)]
pub struct StaysAvailable {
    /// The deployments that were whole, by uid.
    whole: BTreeSet<String>,
}

impl Invariant for StaysAvailable {
    fn see(&mut self, change: &Change, state: &State) -> Result<(), String> {
        let Change::Pod(..) = change else {
            return Ok(());
        };
        for deployment in state.deployments.values() {
            let own = uid(&deployment.metadata);
            let sets = state.replica_sets.values();
            let sets: BTreeSet<&str> = sets
                .filter(|set| controller(&set.metadata) == Some(own))
                .map(|set| uid(&set.metadata))
                .collect();
            let serving = state.pods.values().filter(|pod| {
                is_ready(pod) && controller(&pod.metadata).is_some_and(|set| sets.contains(set))
            });
            let serving = i32::try_from(serving.count()).unwrap_or(i32::MAX);
            let (wanted, (_, unavailable)) =
                (replicas(deployment), surge_and_unavailable(deployment));
            if serving >= wanted {
                self.whole.insert(own.to_owned());
            } else if self.whole.contains(own) && serving < wanted - unavailable {
                let name = deployment.metadata.name.as_deref().unwrap_or_default();
                return Err(format!(
                    "{name} wants {wanted} pods of which {unavailable} may be missing, and {serving} serve"
                ));
            }
        }
        Ok(())
    }
}
