//! What is done until the API has said which nodes there are.

use std::sync::Arc;
use std::time::Duration;

use navarch_client::Backoff;
use tokio::time::Instant;

use super::kept::KeptNodes;
use super::kernel::Kernel;
use super::shell::{COMPARISON, Shell};
use crate::error::NodeRoutesError;
use crate::netfilter::watch::SETTLE;

/// How long the API may take until that is complained of.
const PATIENCE: Duration = Duration::from_secs(10);

impl Shell {
    /// Waits until it has. Meanwhile ways that are encrypted are as they were last, and their guard is there whatever others do.
    pub(super) async fn wait_for_nodes(&mut self) -> Result<(), NodeRoutesError> {
        let nodes = self.nodes.clone();
        let mut synced = std::pin::pin!(nodes.synced());
        let of_here = |kept: &&KeptNodes| kept.pod_cidrs == self.here.pod_cidrs;
        let kept = self.kept.as_ref().filter(of_here);
        let plan = kept.map(KeptNodes::plan).map(Arc::new);
        if let Some(plan) = &plan {
            self.holders.clone_from(&plan.holders);
        }
        let complaint = tokio::time::sleep(PATIENCE);
        let mut complaint = std::pin::pin!(complaint);
        let mut comparison = tokio::time::interval(COMPARISON);
        let mut failures = 0;
        loop {
            tokio::select! {
                () = &mut synced => return Ok(()),
                () = &mut complaint => {
                    tracing::warn!(
                        "nodes could not be listed so far, so no pods of new nodes can be reached"
                    );
                    let never = Instant::now() + Duration::from_secs(u64::from(u32::MAX));
                    complaint.as_mut().reset(never);
                    continue;
                }
                () = self.foreign.notified() => tokio::time::sleep(SETTLE).await,
                () = self.changed.notified() => tokio::time::sleep(SETTLE).await,
                _ = comparison.tick() => {}
            }
            if !self.encrypts() {
                continue;
            }
            let plan = plan.clone();
            let hold = move |kernel: &mut Kernel| kernel.hold(plan.as_deref());
            match self.kernel.run(hold).await? {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    let wait = Backoff::REFLECTOR.after(failures);
                    tracing::warn!(%error, ?wait, "packets to other nodes' pods are not carried as they were");
                    comparison.reset_after(wait);
                }
            }
        }
    }
}
