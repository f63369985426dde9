//! The one thread that commits: what waits together is written and synced together.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::disk::Disk;
use super::failure::Failure;
use super::retention::Retention;
use crate::state::{Batch, Shared};
use crate::{Error, Result, Transaction, TxnOutcome};

/// The most transactions that share a sync.
const GROUP: usize = 256;
/// A group takes no more transactions once it weighs this many bytes.
const GROUP_BYTES: usize = 4 << 20;

/// How long a group waits for as many transactions as the last one had: their writers are on their way back.
const PATIENCE: Duration = Duration::from_micros(100);

/// A transaction on its way to the writer.
pub(super) struct Request {
    pub(super) transaction: Transaction,
    pub(super) weight: usize,
    pub(super) answer: oneshot::Sender<Result<TxnOutcome>>,
    /// The place in the queue, given back with the answer.
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Owns the disk.
pub(super) struct Writer {
    shared: Arc<Shared>,
    disk: Disk,
    requests: Receiver<Request>,
    retention: Option<Retention>,
    /// How many transactions the last group had.
    last: usize,
    /// The disk has more than memory: neither can go on.
    diverged: bool,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        disk: Disk,
        requests: Receiver<Request>,
        retention: Option<Duration>,
    ) -> Self {
        Self {
            shared,
            disk,
            requests,
            retention: retention.map(Retention::new),
            last: 0,
            diverged: false,
        }
    }

    /// Commits until every sender is gone and the queue is empty. `false`: it gave up before.
    pub(super) fn run(mut self) -> bool {
        while !self.diverged {
            match self.receive() {
                Ok(first) => self.commit(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return true,
            }
            self.forget();
        }
        false
    }

    fn receive(&self) -> Result<Request, RecvTimeoutError> {
        match self.retention.as_ref().and_then(Retention::deadline) {
            Some(deadline) => self
                .requests
                .recv_timeout(deadline.saturating_duration_since(Instant::now())),
            None => self
                .requests
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// The next transaction of a group that has `size`. A writer that is alone never makes the group wait.
    fn another(&self, size: usize, patience: &mut Option<Instant>) -> Option<Request> {
        loop {
            if let Ok(request) = self.requests.try_recv() {
                return Some(request);
            }
            let until = *patience.get_or_insert_with(|| Instant::now() + PATIENCE);
            if size >= self.last || Instant::now() >= until {
                return None;
            }
            std::thread::yield_now();
        }
    }

    /// Commits `first` and what waits behind it, and answers all of them.
    fn commit(&mut self, first: Request) {
        let mut batch = Batch::on(&self.shared.view());
        let mut answers = Vec::new();
        let mut weight = 0;
        let mut patience = None;
        let mut next = Some(first);
        while let Some(request) = next {
            weight += request.weight;
            answers.push((
                request.answer,
                batch.stage(request.transaction),
                request._permit,
            ));
            let full = answers.len() >= GROUP || weight >= GROUP_BYTES;
            next = if full {
                None
            } else {
                self.another(answers.len(), &mut patience)
            };
        }
        self.last = answers.len();
        let revision = batch.revision;
        let written = if batch.events.is_empty() {
            Ok(())
        } else {
            self.disk.write(&batch)
        };
        match written {
            Ok(()) => {
                self.shared.publish(batch);
                if let Some(retention) = &mut self.retention {
                    retention.committed(Instant::now(), revision);
                }
                for (answer, outcome, _permit) in answers {
                    // A caller that has gone away does not want to know.
                    let _ = answer.send(Ok(outcome));
                }
            }
            Err(failure) => {
                tracing::error!(%failure, "a commit failed; nothing of it is kept");
                self.diverged = matches!(failure, Failure::Diverged { .. });
                let failure = Arc::new(failure);
                for (answer, _, _permit) in answers {
                    let _ = answer.send(Err(Error::backend(GroupFailed(failure.clone()))));
                }
            }
        }
    }

    fn forget(&mut self) {
        let due = self
            .retention
            .as_mut()
            .and_then(|retention| retention.due(Instant::now()));
        if let Some(revision) = due
            && let Err(error) = self.shared.compact(revision)
        {
            tracing::warn!(%error, revision, "could not compact");
        }
    }
}

/// However the writer ends, nobody waits for what will not come.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// One failure that all of a group are told of.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct GroupFailed(Arc<Failure>);
