//! The writes of a namespace with quotas: prepared one after the other, each on what is used after the one before, and committed
//! together while others are on their way to disk.
//!
//! What a write is prepared on may never come to be: then it is lost with those before it, and is tried again alone.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::api::core::v1::ResourceQuota;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Entry, Op, Revision, Store, Transaction, TxnOutcome};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedMutexGuard, oneshot};

use crate::errors::of_store;
use crate::registry::commit::Written;

/// So many writes are committed together at most.
const TOGETHER: usize = 128;

/// Quotas as they will be when all is committed that is on its way, by their keys.
pub(crate) type Pending = BTreeMap<Arc<str>, Link>;

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    quota: Arc<ResourceQuota>,
    /// The revision that must still be its newest when it is written next; `None`: that which is being committed.
    base: Option<Revision>,
}

impl Link {
    /// It, unless `entry` is newer: then somebody else has written it.
    pub(crate) fn quota(&self, entry: &Entry) -> Option<&Arc<ResourceQuota>> {
        let outdated = self.base.is_some_and(|base| base < entry.modified);
        (!outdated).then_some(&self.quota)
    }
}

/// A quota as a write leaves it.
pub(super) struct Charge {
    /// As it was when that was found out.
    pub(super) entry: Arc<Entry>,
    /// Whether it was found out on what was pending, and not on the entry.
    pub(super) is_pending: bool,
    pub(super) quota: Arc<ResourceQuota>,
    pub(super) value: Bytes,
    pub(super) stamp: u32,
}

impl Charge {
    /// What writes it.
    pub(super) fn op(&self) -> Op {
        Op::Put {
            key: self.entry.key.clone(),
            value: self.value.clone(),
            stamp: Some(self.stamp),
        }
    }
}

/// Some namespaces' writes.
pub(super) struct Lane {
    store: Arc<dyn Store>,
    /// Who prepares a write, or writes alone.
    gate: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
    /// Rung when writes have been committed, or have been lost.
    moved: Notify,
}

#[derive(Default)]
struct State {
    pending: Pending,
    /// What waits to be committed.
    forming: Batch,
    is_committing: bool,
    /// How often what others were prepared on did not come to be.
    lost: u64,
    /// The keys of what is being committed.
    committing: Keys,
}

/// The keys that writes write, and those that they rest on.
#[derive(Default)]
struct Keys {
    written: HashSet<Arc<str>>,
    compared: HashSet<Arc<str>>,
}

#[derive(Default)]
struct Batch {
    writes: Vec<Write>,
    quotas: BTreeMap<Arc<str>, Op>,
    keys: Keys,
}

/// A write and who waits for it.
struct Write {
    compare: Vec<Compare>,
    /// The object's is the first.
    ops: Vec<Op>,
    answer: oneshot::Sender<Result<Written>>,
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
        self.until(|state| state.forming.writes.len() < TOGETHER)
            .await;
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
                let error = of_store(error);
                let tell = |write: Write| drop(write.answer.send(Err(error.clone())));
                state.give_up(tell);
                drop(state);
                writes.into_iter().for_each(tell);
            }
        }
    }
}

impl State {
    /// What was prepared on what did not come to be is lost too.
    fn give_up(&mut self, tell: impl Fn(Write)) {
        self.lost += 1;
        self.pending.clear();
        let forming = std::mem::take(&mut self.forming);
        forming.writes.into_iter().for_each(tell);
    }

    /// Whether a write has to do with another that is on its way, by more than quotas.
    fn collides(&self, compare: &[Compare], ops: &[Op]) -> bool {
        let others = [&self.committing, &self.forming.keys];
        others.into_iter().any(|others| {
            let written = |key: &Arc<str>| others.written.contains(key);
            let compared = |key: &Arc<str>| others.compared.contains(key);
            let mut own = ops.iter().map(written_key);
            compare.iter().map(compared_key).any(written)
                || own.any(|key| written(key) || compared(key))
        })
    }

    /// Whether a quota is charged for other writes on their way that were not seen when this charge was found out.
    fn is_overtaken(&self, charge: &Charge) -> bool {
        let key = &charge.entry.key;
        let link = self.pending.get(key);
        match charge.is_pending {
            true => link.is_none(),
            false => {
                let is_committing = link.is_some_and(|link| link.base.is_none());
                is_committing || self.forming.quotas.contains_key(key)
            }
        }
    }

    fn add(&mut self, write: Write, charges: Vec<Charge>) {
        let keys = &mut self.forming.keys;
        let compared = write.compare.iter().map(compared_key);
        keys.compared.extend(compared.cloned());
        let written = write.ops.iter().map(written_key);
        keys.written.extend(written.cloned());
        for charge in charges {
            let key = &charge.entry.key;
            let base = match self.pending.get(key) {
                Some(link) if charge.is_pending => link.base,
                _ => Some(charge.entry.modified),
            };
            let quota = charge.quota.clone();
            self.pending.insert(key.clone(), Link { quota, base });
            self.forming.quotas.insert(key.clone(), charge.op());
        }
        self.forming.writes.push(write);
    }
}

fn compared_key(compare: &Compare) -> &Arc<str> {
    match compare {
        Compare::Absent(key) | Compare::Modified(key, _) => key,
    }
}

fn written_key(op: &Op) -> &Arc<str> {
    match op {
        Op::Put { key, .. } | Op::Delete { key, .. } => key,
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
