//! The writes of a namespace with quotas: prepared one after the other, each on what is used after the one before, and committed
//! together while others are on their way to disk.
//!
//! What a write is prepared on may never come to be: then it is lost with those before it, and is tried again alone.

mod state;

use std::sync::Arc;

use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Op, Store, Transaction, TxnOutcome};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedMutexGuard, oneshot};

use self::state::{Batch, State, Write};
use crate::errors::of_store;
use crate::registry::commit::Written;

pub(super) use self::state::Charge;
pub(crate) use self::state::Pending;

/// Some namespaces' writes.
pub(super) struct Lane {
    store: Arc<dyn Store>,
    /// Who prepares a write, or writes alone.
    gate: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
    /// Rung when writes have been committed, or have been lost.
    moved: Notify,
}

/// The right to prepare a write, together with what it is prepared on.
pub(in crate::registry) struct Preparing {
    lane: Arc<Lane>,
    _gate: OwnedMutexGuard<()>,
    pending: Pending,
    lost: u64,
}

impl Lane {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            gate: Arc::default(),
            state: Mutex::default(),
            moved: Notify::new(),
        }
    }

    /// Waits for the turn to prepare a write.
    pub(super) async fn prepare(self: &Arc<Self>) -> Preparing {
        let gate = self.gate.clone().lock_owned().await;
        self.until(|state| state.forming.has_room()).await;
        let mut state = self.state.lock();
        if !state.is_committing {
            // All that was pending is in any snapshot that is taken from now on.
            state.pending.clear();
        }
        Preparing {
            lane: self.clone(),
            _gate: gate,
            pending: state.pending.clone(),
            lost: state.lost,
        }
    }

    /// Waits until nobody else's write is prepared or on its way.
    pub(super) async fn alone(&self) -> OwnedMutexGuard<()> {
        let gate = self.gate.clone().lock_owned().await;
        self.until(|state| !state.is_committing).await;
        gate
    }

    async fn until(&self, is: impl Fn(&State) -> bool) {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // From here on no ring is missed.
            moved.as_mut().enable();
            if is(&self.state.lock()) {
                return;
            }
            moved.await;
        }
    }

    /// Commits what waits, for as long as something does.
    async fn commit(self: Arc<Self>) {
        while let Some((writes, quotas, transaction)) = self.take() {
            let outcome = self.store.commit(transaction).await;
            self.settle(writes, &quotas, outcome);
            self.moved.notify_waiters();
        }
        self.moved.notify_waiters();
    }

    /// What is committed next.
    fn take(&self) -> Option<(Vec<Write>, Vec<Arc<str>>, Transaction)> {
        let mut state = self.state.lock();
        let Batch {
            mut writes,
            quotas,
            keys,
            ..
        } = std::mem::take(&mut state.forming);
        state.committing = keys;
        if writes.is_empty() {
            state.is_committing = false;
            return None;
        }
        let mut transaction = Transaction::default();
        for (key, op) in &quotas {
            if let Some(link) = state.pending.get_mut(key)
                && let Some(base) = link.base.take()
            {
                let unchanged = Compare::Modified(key.clone(), base);
                transaction.compare.push(unchanged);
            }
            transaction.ops.push(op.clone());
        }
        for write in &mut writes {
            transaction.compare.append(&mut write.compare);
            transaction.ops.append(&mut write.ops.clone());
        }
        Some((writes, quotas.into_keys().collect(), transaction))
    }

    fn settle(
        &self,
        writes: Vec<Write>,
        quotas: &[Arc<str>],
        outcome: std::result::Result<TxnOutcome, navarch_store::Error>,
    ) {
        let mut state = self.state.lock();
        match outcome {
            Ok(TxnOutcome::Committed(done)) => {
                for key in quotas {
                    if let Some(link) = state.pending.get_mut(key) {
                        link.base = Some(done.revision);
                    }
                }
                drop(state);
                let mut at = quotas.len();
                for write in writes {
                    let entry = done.entries.get(at).cloned().flatten();
                    at += write.ops.len();
                    let written = entry.map_or(Written::Lost(None), Written::Done);
                    // Who has gone away is not told.
                    let _ = write.answer.send(Ok(written));
                }
            }
            Ok(TxnOutcome::Failed(current)) => {
                state.give_up(|write| drop(write.answer.send(Ok(Written::Lost(None)))));
                drop(state);
                for write in writes {
                    let _ = write.answer.send(Ok(Written::Lost(current.clone())));
                }
            }
            Err(error) => {
                // What waits was not tried, and what is too large together may not be alone.
                let lost = |write: Write| drop(write.answer.send(Ok(Written::Lost(None))));
                state.give_up(lost);
                drop(state);
                if writes.len() > 1 && matches!(error, navarch_store::Error::TooLarge(_)) {
                    return writes.into_iter().for_each(lost);
                }
                let error = of_store(error);
                let tell = |write: Write| drop(write.answer.send(Err(error.clone())));
                writes.into_iter().for_each(tell);
            }
        }
    }
}

impl Preparing {
    /// What the write is to be prepared on, beside what is in the store.
    pub(in crate::registry) fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Hands the write over, lets the next one be prepared, and waits until it is durable. The object's op is the first.
    pub(super) async fn commit(
        self,
        compare: Vec<Compare>,
        ops: Vec<Op>,
        charges: Vec<Charge>,
    ) -> Result<Written> {
        let Self {
            lane,
            _gate: gate,
            lost,
            ..
        } = self;
        let (answer, waits) = oneshot::channel();
        {
            let mut state = lane.state.lock();
            let is_overtaken = charges.iter().any(|it| state.is_overtaken(it));
            if state.lost != lost || is_overtaken || state.collides(&compare, &ops) {
                return Ok(Written::Lost(None));
            }
            let write = Write {
                compare,
                ops,
                answer,
            };
            state.add(write, charges);
            if !state.is_committing {
                state.is_committing = true;
                tokio::spawn(lane.clone().commit());
            }
        }
        drop(gate);
        let gone = |_| Err(StatusError::internal("the write was given up"));
        waits.await.unwrap_or_else(gone)
    }
}
