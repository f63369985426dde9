//! Transactions that become durable together.

use std::sync::Arc;

use bytes::Bytes;

use super::row;
use super::{Map, View};
use crate::{Committed, Compare, Entry, Event, EventKind, Op, Revision, Transaction, TxnOutcome};

/// A group of transactions, applied one after another to a private copy of the map. Dropping it undoes everything.
pub(crate) struct Batch {
    pub(crate) map: Map,
    pub(crate) revision: Revision,
    /// What changed, in order: what goes to disk and to the watchers.
    pub(crate) events: Vec<Arc<Event>>,
    /// The [`row`] of each event that is a put, in their order; the entry's value is a part of it.
    pub(crate) rows: Vec<Bytes>,
}

impl Batch {
    /// An empty batch on top of the newest published view.
    pub(crate) fn on(view: &View) -> Self {
        Self {
            map: view.map.clone(),
            revision: view.revision,
            events: Vec::new(),
            rows: Vec::new(),
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
        let row = row::encode(value, stamp, created, revision);
        let value = row::value(&row);
        let entry = Arc::new(Entry::new(key.clone(), value, created, revision));
        self.rows.push(row);
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
                let row = row::encode(&value, stamp, previous.created, revision);
                let key = previous.key.clone();
                Arc::new(Entry::new(
                    key,
                    row::value(&row),
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
