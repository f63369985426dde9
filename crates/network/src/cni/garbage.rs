//! What plugins have left of pods that nobody knows any more: they are told which pods there are, and forget all others (`GC`).
//!
//! It is for what has no record here, as when a disk was lost: what has one is disconnected by it, and counts as there until that is done.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::invocation::{Order, invoke};
use super::{CniError, CniNetwork};

/// How often plugins are told. Nothing is lost meanwhile that this node knows how to take back.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// When they are told again where that was not possible: their configuration may come after the node, as may what a plugin asks.
const AGAIN: Duration = Duration::from_secs(600);

impl CniNetwork {
    /// Tells plugins at once which sandboxes there are, and then rarely, for as long as this process is there. `live`: those that there are,
    /// whether or not there are records of them.
    pub(super) async fn collect_garbage(self, live: HashSet<String>) {
        let mut told = String::new();
        loop {
            let wait = match self.collect(&live).await {
                Ok(true) => EVERY,
                Ok(false) | Err(CniError::NotInitialized(_)) => AGAIN,
                Err(error) => {
                    let error = error.to_string();
                    // Some can do it never, although their configuration says so.
                    if told != error {
                        tracing::warn!(%error, "what plugins have left of pods that are gone may stay");
                        told = error;
                    }
                    AGAIN
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Once. `false`: pods are being connected or disconnected all the time, beside which it may not be done.
    pub(super) async fn collect(&self, live: &HashSet<String>) -> Result<bool, CniError> {
        let configuration = self.configuration().await?;
        if !configuration.has_garbage() {
            return Ok(true);
        }
        let Some(_alone) = self.turns.alone().await else {
            return Ok(false);
        };
        let recorded = self.on_disk(|records| records.all_ids()).await?;
        let there: BTreeSet<String> = recorded.into_iter().chain(live.iter().cloned()).collect();
        let mut first = Ok(true);
        for plugin in &configuration.plugins {
            let told = configuration.told_of(plugin, &there);
            let done = invoke(&self.programs, Order::Garbage, plugin, &told).await;
            // One that refuses does not keep the others.
            first = first.and_then(|_| done.map(|_| true));
        }
        first
    }
}
