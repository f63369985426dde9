//! What plugins have left of pods that nobody knows any more: they are told which pods there are, and forget all others (`GC`).
//!
//! It is for what has no record here, as when a disk was lost: what has one is disconnected by it, and counts as there until that is done.
//! Only who has set up the host knows whether others use the same plugins' state, whose pods would be forgotten: it is done where that is said.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use navarch_client::Backoff;
use tokio::time::{Instant, sleep};

use super::invocation::{Order, invoke};
use super::{CniError, CniNetwork};

/// How often plugins are told. Nothing is lost meanwhile that this node knows how to take back.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// When they are told again where that was not possible, at first: what a plugin asks may not be there for a while.
const AGAIN: Backoff = Backoff {
    base: Duration::from_secs(600),
    max: EVERY,
};
/// How long the network has been ready when they are told first: when a node starts, all its pods are being connected.
pub(super) const SETTLED: Duration = Duration::from_secs(60);
/// The longest that all of them may take, one after the other: whoever connects or disconnects a pod waits for it.
const ROUND: Duration = Duration::from_secs(10);
/// What one that takes too long leaves to each of those that follow.
const LEFT_TO_EACH: Duration = Duration::from_secs(1);

impl CniNetwork {
    /// Tells plugins which sandboxes there are, some time after they can connect pods, and then rarely, for as long as this process is there.
    /// `live`: those that there are, whether or not there are records of them.
    pub(super) async fn collect_garbage(self, live: HashSet<String>, settled: Duration) {
        while self.ready().await.is_err() {
            sleep(settled).await;
        }
        sleep(settled).await;
        let (mut told, mut failures) = (String::new(), 0);
        loop {
            match self.collect(&live).await {
                Ok(true) => {
                    told.clear();
                    failures = 0;
                }
                Ok(false) => failures += 1,
                Err(error) => {
                    let error = error.to_string();
                    // Some can do it never, although their configuration says so.
                    if told != error {
                        tracing::warn!(%error, "what plugins have left of pods that are gone may stay");
                        told = error;
                    }
                    failures += 1;
                }
            }
            sleep(pause(failures)).await;
        }
    }

    /// Once, where it is to be done at all. `false`: pods are being connected or disconnected all the time, beside which it may not be done; or some were slow, and others not told.
    pub(super) async fn collect(&self, live: &HashSet<String>) -> Result<bool, CniError> {
        if !self.collects_garbage {
            return Ok(true);
        }
        let configuration = self.configuration().await?;
        if !configuration.has_garbage() {
            return Ok(true);
        }
        self.ready().await?;
        self.end_leftovers().await?;
        let Some(_alone) = self.turns.alone().await else {
            return Ok(false);
        };
        let until = Instant::now() + ROUND;
        let recorded = self.on_disk(|records| records.all_ids()).await?;
        let there: BTreeSet<String> = recorded.into_iter().chain(live.iter().cloned()).collect();
        let mut first = Ok(true);
        for (number, plugin) in configuration.plugins.iter().enumerate() {
            let told = configuration.told_of(plugin, &there);
            let after = configuration.plugins.len() - number - 1;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return first.and(Ok(false));
            }
            let patience = patience(left, after);
            let order = Order::Garbage(patience, &self.records.0);
            let done = invoke(&self.programs, order, plugin, &told).await;
            // One that refuses does not keep the others.
            first = first.and_then(|_| done.map(|_| true));
        }
        first
    }
}

/// How long it is until the next time, after so many in a row that it was not done.
fn pause(failures: u32) -> Duration {
    match failures {
        0 => EVERY,
        failures => AGAIN.after(failures),
    }
}

/// How much one may take of what is left, before so many others.
fn patience(left: Duration, others: usize) -> Duration {
    let others = u32::try_from(others).unwrap_or(u32::MAX);
    let theirs = LEFT_TO_EACH.saturating_mul(others);
    left.saturating_sub(theirs).max(left.min(LEFT_TO_EACH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_tried_ever_more_rarely() {
        let minutes = |failures| pause(failures).as_secs() / 60;
        assert_eq!([0, 1, 2, 5].map(minutes), [360, 10, 20, 160]);
        assert_eq!(pause(u32::MAX), EVERY);
    }

    #[test]
    fn one_that_hangs_leaves_something_to_the_others() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(ROUND, 0), ROUND);
        assert_eq!(patience(ROUND, 3), seconds(7));
        assert_eq!(patience(seconds(3), 3), seconds(1));
        // Of very many the last are not told.
        assert_eq!(patience(ROUND, usize::MAX), seconds(1));
        assert_eq!(
            patience(Duration::from_millis(5), 1),
            Duration::from_millis(5)
        );
    }
}
