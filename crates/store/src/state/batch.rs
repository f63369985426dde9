//! Transactions that become durable together.

use std::sync::Arc;

use bytes::Bytes;

use super::{Map, View};
use crate::{Committed, Compare, Entry, Event, EventKind, Op, Revision, Transaction, TxnOutcome};

/// A group of transactions, applied one after another to a private copy of the map. Dropping it undoes everything.
pub(crate) struct Batch {
    pub(crate) map: Map,
    pub(crate) revision: Revision,
    /// What changed, in order: what goes to disk and to the watchers.
    pub(crate) events: Vec<Arc<Event>>,
}

impl Batch {
    /// An empty batch on top of the newest published view.
    pub(crate) fn on(view: &View) -> Self {
        Self {
            map: view.map.clone(),
            revision: view.revision,
            events: Vec::new(),
        }
    }

    /// Applies a transaction if its conditions hold against what was staged before it.
    ///
    /// A transaction that changes nothing takes no revision and answers with the newest there is.
    pub(crate) fn stage(&mut self, transaction: Transaction) -> TxnOutcome {
        for compare in &transaction.compare {
            let (key, expected) = match compare {
                Compare::Absent(key) => (key, None),
                Compare::Modified(key, revision) => (key, Some(*revision)),
            };
            let current = self.map.get(&**key);
            if current.map(|entry| entry.modified) != expected {
                return TxnOutcome::Failed(current.cloned());
            }
        }
        let revision = self.revision + 1;
        let before = self.events.len();
        let entries = transaction
            .ops
            .into_iter()
            .map(|op| match op {
                Op::Put { key, value, stamp } => Some(self.put(key, &value, stamp, revision)),
                Op::Delete { key, last } => self.delete(&key, last, revision),
            })
            .collect();
        if self.events.len() > before {
            self.revision = revision;
        }
        TxnOutcome::Committed(Committed {
            revision: self.revision,
            entries,
        })
    }

    fn put(
        &mut self,
        key: Arc<str>,
        value: &Bytes,
        stamp: Option<u32>,
        revision: Revision,
    ) -> Arc<Entry> {
        let previous = self.map.get(&*key).cloned();
        let (key, created) = match &previous {
            Some(entry) => (entry.key.clone(), entry.created),
            None => (key, revision),
        };
        let entry = Arc::new(Entry::new(
            key.clone(),
            splice(value, stamp, revision),
            created,
            revision,
        ));
        self.map.insert(key, entry.clone());
        self.events.push(Arc::new(Event::new(
            EventKind::Put,
            revision,
            entry.clone(),
            previous,
        )));
        entry
    }

    fn delete(
        &mut self,
        key: &str,
        last: Option<(Bytes, Option<u32>)>,
        revision: Revision,
    ) -> Option<Arc<Entry>> {
        let previous = self.map.remove(key)?;
        let entry = match last {
            Some((value, stamp)) => {
                let value = splice(&value, stamp, revision);
                Arc::new(Entry::new(
                    previous.key.clone(),
                    value,
                    previous.created,
                    revision,
                ))
            }
            None => previous.clone(),
        };
        self.events.push(Arc::new(Event::new(
            EventKind::Delete,
            revision,
            entry.clone(),
            Some(previous),
        )));
        Some(entry)
    }
}

/// A copy of `value` with the revision in its place. Always a copy of its own: a value that is a slice of a larger
/// buffer (a request's body) would keep all of that alive.
fn splice(value: &Bytes, stamp: Option<u32>, revision: Revision) -> Bytes {
    let Some((head, tail)) = stamp.and_then(|at| value.split_at_checked(at as usize)) else {
        return Bytes::copy_from_slice(value);
    };
    let digits = revision.to_string();
    let mut whole = Vec::with_capacity(value.len() + digits.len());
    whole.extend_from_slice(head);
    whole.extend_from_slice(digits.as_bytes());
    whole.extend_from_slice(tail);
    Bytes::from(whole)
}
