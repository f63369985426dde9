//! The embedded backend: an LSM database in a directory under one committing writer.

mod described;
mod digest;
mod directory;
mod disk;
mod failure;
mod journal;
mod mark;
mod retention;
mod rows;
mod writer;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};

use crate::state::{self, Bounds, Shared, View};
use crate::{
    AtRest, Error, Plain, Result, Revision, Snapshot, Status, Store, Transaction, TxnOutcome, Watch,
};
use disk::Disk;
use writer::{Request, Writer};

/// How the embedded store is to behave. The defaults are Kubernetes'.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long history is kept: reads and watches from longer ago get `Compacted`. `None`: as long as it has room.
    pub retention: Option<Duration>,
    /// The most bytes of history kept in memory, all buckets together.
    pub history_bytes: usize,
    /// The most events of history kept in memory for one bucket.
    pub history_events: usize,
    /// How many transactions may wait for the writer; more wait outside.
    pub queue: usize,
}

impl Default for Options {
    fn default() -> Self {
        let bounds = Bounds::default();
        Self {
            retention: Some(Duration::from_secs(300)),
            history_bytes: bounds.bytes,
            history_events: bounds.events,
            queue: 1024,
        }
    }
}

/// A store in a directory of its own, which it locks against every other process.
///
/// Dropping it finishes what is queued and ends its watches.
pub struct Embedded {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    /// `None` once the store is being dropped.
    queue: Option<std::sync::mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    /// Whether the writer has panicked or given up.
    broken: watch::Receiver<bool>,
    dir: PathBuf,
}

impl Embedded {
    /// Opens the store in `dir`, which is made if it is missing, and reads all of it into memory.
    ///
    /// History before this moment is not known: the compaction floor is the recovered revision.
    ///
    /// Errors: `Backend` if another process has it open, the disk fails, or what lies there is damaged or not all that was
    /// acknowledged.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open_at_rest(dir, options, Arc::new(Plain))
    }

    /// The same, with values that lie on disk as `at_rest` has them. What was written in another way is written anew before this
    /// returns.
    ///
    /// Errors: besides, `Backend` if a value cannot be read back.
    pub fn open_at_rest(
        dir: impl AsRef<Path>,
        options: Options,
        at_rest: Arc<dyn AtRest>,
    ) -> Result<Self> {
        let (disk, view) = Disk::open(dir.as_ref(), at_rest).map_err(Error::backend)?;
        Self::start(disk, view, dir.as_ref().to_owned(), options)
    }

    fn start(disk: Disk, view: View, dir: PathBuf, options: Options) -> Result<Self> {
        let bounds = Bounds {
            events: options.history_events,
            bytes: options.history_bytes,
        };
        let shared = Shared::new(view, bounds);
        #[allow(
            clippy::disallowed_methods,
            reason = "the semaphore below bounds it: who sends holds a permit"
        )]
        let (queue, requests) = std::sync::mpsc::channel();
        let writer = Writer::new(shared.clone(), disk, requests, options.retention);
        let (tell, broken) = watch::channel(false);
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                let ended = catch_unwind(AssertUnwindSafe(|| writer.run()));
                tell.send_replace(!ended.unwrap_or(false));
            })
            .map_err(Error::backend)?;
        let room = Arc::new(Semaphore::new(
            options.queue.clamp(1, Semaphore::MAX_PERMITS),
        ));
        Ok(Self {
            shared,
            room,
            queue: Some(queue),
            writer: Some(writer),
            broken,
            dir,
        })
    }

    /// Waits until the writer has panicked, which it never should, or found after a failure that the disk has more than was told.
    /// From then on nothing is written and no watch tells anything: a process has no use for such a store, and is to end so that
    /// another opens what is on the disk.
    pub async fn failed(&self) {
        let mut broken = self.broken.clone();
        if broken.wait_for(|broken| *broken).await.is_err() {
            // It has ended as it should.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A panic has been told of already.
            let _ = writer.join();
        }
    }
}

#[async_trait::async_trait]
impl Store for Embedded {
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
        let weight = state::check(&transaction)?;
        let permit = self
            .room
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        let request = Request {
            transaction,
            weight,
            answer,
            _permit: permit,
        };
        self.queue
            .as_ref()
            .and_then(|queue| queue.send(request).ok())
            .ok_or(Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        self.shared.watch(prefix, after)
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.shared.compact(revision)
    }

    fn status(&self) -> Status {
        self.shared.status(directory::bytes(&self.dir))
    }

    async fn reached(&self, revision: Revision) -> Result<()> {
        self.shared.reached(revision).await
    }
}
