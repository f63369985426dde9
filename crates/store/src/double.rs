//! The store without a disk, for tests and simulation: the same core, so the same conflicts, history and revisions.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::state::{self, Batch, Bounds, Shared, View};
use crate::{Result, Revision, Snapshot, Status, Store, Transaction, TxnOutcome, Watch};

/// A store in memory. It forgets everything when it is dropped, and history only when it is told to or runs out of
/// room; it reads no clock and has no thread, so a simulation that drives it is repeatable.
pub struct Memory {
    shared: Arc<Shared>,
    writer: Mutex<()>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_history(Bounds::default().events)
    }

    /// An empty store that keeps so many events of each bucket.
    pub fn with_history(events: usize) -> Self {
        let bounds = Bounds {
            events,
            ..Bounds::default()
        };
        Self {
            shared: Shared::new(View::default(), bounds),
            writer: Mutex::new(()),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.shared.close();
    }
}

#[async_trait::async_trait]
impl Store for Memory {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.shared.view()
    }

    fn snapshot_at(&self, revision: Revision) -> Result<Arc<dyn Snapshot>> {
        Ok(self.shared.view_at(None, revision)?)
    }

    fn snapshot_within(&self, prefix: &str, revision: Revision) -> Result<Arc<dyn Snapshot>> {
        Ok(self.shared.view_at(Some(prefix), revision)?)
    }

    async fn commit(&self, transaction: Transaction) -> Result<TxnOutcome> {
        state::check(&transaction)?;
        let _alone = self.writer.lock();
        let mut batch = Batch::on(&self.shared.view());
        let outcome = batch.stage(transaction);
        self.shared.publish(batch);
        Ok(outcome)
    }

    fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        self.shared.watch(prefix, after)
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.shared.compact(revision)
    }

    fn status(&self) -> Status {
        self.shared.status(0)
    }

    async fn reached(&self, revision: Revision) -> Result<()> {
        self.shared.reached(revision).await
    }
}
