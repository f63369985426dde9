//! What is on its way to the store in a lane, and what it leaves of quotas.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::api::core::v1::ResourceQuota;
use navarch_machinery::status::Result;
use navarch_store::{Compare, Entry, MAX_OPS, MAX_TRANSACTION, Op, Revision};
use tokio::sync::oneshot;

use crate::registry::commit::Written;

/// So many writes are committed together at most.
const TOGETHER: usize = 128;
/// So many bytes of values.
const BYTES: usize = MAX_TRANSACTION / 2;
/// So many changes or conditions.
const OPERATIONS: usize = MAX_OPS / 2;

/// Quotas as they will be when all is committed that is on its way, by their keys.
pub(crate) type Pending = BTreeMap<Arc<str>, Link>;

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    quota: Arc<ResourceQuota>,
    /// The revision that must still be its newest when it is written next; `None`: that which is being committed.
    pub(super) base: Option<Revision>,
}

impl Link {
    /// It, unless `entry` is newer: then somebody else has written it.
    pub(crate) fn quota(&self, entry: &Entry) -> Option<&Arc<ResourceQuota>> {
        let outdated = self.base.is_some_and(|base| base < entry.modified);
        (!outdated).then_some(&self.quota)
    }
}

/// A quota as a write leaves it.
pub(in crate::registry::quota) struct Charge {
    /// As it was when that was found out.
    pub(in crate::registry::quota) entry: Arc<Entry>,
    /// Whether it was found out on what was pending, and not on the entry.
    pub(in crate::registry::quota) is_pending: bool,
    pub(in crate::registry::quota) quota: Arc<ResourceQuota>,
    pub(in crate::registry::quota) value: Bytes,
    pub(in crate::registry::quota) stamp: u32,
}

impl Charge {
    /// What writes it.
    pub(in crate::registry::quota) fn op(&self) -> Op {
        Op::Put {
            key: self.entry.key.clone(),
            value: self.value.clone(),
            stamp: Some(self.stamp),
        }
    }
}

/// What is on its way.
#[derive(Default)]
pub(super) struct State {
    pub(super) pending: Pending,
    /// What waits to be committed.
    pub(super) forming: Batch,
    pub(super) is_committing: bool,
    /// How often what others were prepared on did not come to be.
    pub(super) lost: u64,
    /// The keys of what is being committed.
    pub(super) committing: Keys,
}

/// The keys that writes write, and those that they rest on.
#[derive(Default)]
pub(super) struct Keys {
    written: HashSet<Arc<str>>,
    compared: HashSet<Arc<str>>,
}

/// What is committed together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) writes: Vec<Write>,
    pub(super) quotas: BTreeMap<Arc<str>, Op>,
    pub(super) keys: Keys,
    /// Bytes of values.
    bytes: usize,
    /// Changes or conditions, whichever are more.
    operations: usize,
}

impl Batch {
    /// Whether one more goes in: the store takes twice as much, which is more than any write brings.
    pub(super) fn has_room(&self) -> bool {
        self.writes.len() < TOGETHER && self.bytes < BYTES && self.operations < OPERATIONS
    }
}

/// A write and who waits for it.
pub(super) struct Write {
    pub(super) compare: Vec<Compare>,
    /// The object's is the first.
    pub(super) ops: Vec<Op>,
    pub(super) answer: oneshot::Sender<Result<Written>>,
}

impl State {
    /// What was prepared on what did not come to be is lost too.
    pub(super) fn give_up(&mut self, tell: impl Fn(Write)) {
        self.lost += 1;
        self.pending.clear();
        let forming = std::mem::take(&mut self.forming);
        forming.writes.into_iter().for_each(tell);
    }

    /// Whether a write has to do with another that is on its way, by more than quotas.
    pub(super) fn collides(&self, compare: &[Compare], ops: &[Op]) -> bool {
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
    pub(super) fn is_overtaken(&self, charge: &Charge) -> bool {
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

    pub(super) fn add(&mut self, write: Write, charges: Vec<Charge>) {
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
        let values = write.ops.iter().map(|op| match op {
            Op::Put { value, .. } => value.len(),
            Op::Delete { last, .. } => last.as_ref().map_or(0, |(value, _)| value.len()),
        });
        self.forming.bytes += values.sum::<usize>();
        self.forming.operations += write.ops.len().max(write.compare.len());
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
