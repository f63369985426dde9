//! An index from labels to keys, one for each bucket that is selected from by label.
//!
//! It is brought up to date when it is asked, by the same history that watches read, so writes pay nothing for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures::FutureExt;
use navarch_machinery::labels::{Operator, Selector};
use navarch_store::{Entry, Event, EventKind, Revision, Snapshot, Store, Watch};
use parking_lot::Mutex;

use crate::encode::scan;
use crate::served::Served;

/// Buckets smaller than this are faster read than indexed.
const WORTH_IT: usize = 256;
/// Events taken from history at once.
const BATCH: usize = 1024;

type Keys = BTreeSet<Arc<str>>;

/// The indexes of all buckets.
#[derive(Default)]
pub(crate) struct LabelIndexes {
    buckets: Mutex<HashMap<Box<str>, Arc<Mutex<Option<Index>>>>>,
}

struct Index {
    values: HashMap<Box<str>, HashMap<Box<str>, Keys>>,
    watch: Box<dyn Watch>,
    seen: Revision,
}

impl LabelIndexes {
    /// The keys of a bucket, in order, that may match at the moment of `snapshot`; `None`: all may.
    pub(crate) fn candidates(
        &self,
        store: &dyn Store,
        served: &Served,
        snapshot: &dyn Snapshot,
        selector: &Selector,
    ) -> Option<Vec<Arc<str>>> {
        let narrow = |operator| {
            matches!(
                operator,
                Operator::In | Operator::Equals | Operator::DoubleEquals
            )
        };
        let requirement = selector
            .requirements()
            .iter()
            .find(|requirement| narrow(requirement.operator()))?;
        let bucket = self
            .buckets
            .lock()
            .entry(served.prefix.as_str().into())
            .or_default()
            .clone();
        let mut slot = bucket.lock();
        if slot.as_mut().is_some_and(|index| !index.catch_up()) {
            *slot = None;
        }
        if slot.is_none() {
            if snapshot.count(&served.prefix) < WORTH_IT {
                return None;
            }
            *slot = Index::build(store, &served.prefix);
        }
        // An index that is not of the snapshot's moment would hide what has changed between the two.
        let index = slot
            .as_ref()
            .filter(|index| index.seen == snapshot.revision())?;
        let values = index.values.get(requirement.key());
        let keys = requirement
            .values()
            .iter()
            .filter_map(|value| values?.get(value.as_str()))
            .flatten();
        let mut keys: Vec<Arc<str>> = keys.cloned().collect();
        keys.sort_unstable();
        Some(keys)
    }
}

impl Index {
    fn build(store: &dyn Store, prefix: &str) -> Option<Self> {
        let snapshot = store.snapshot();
        let seen = snapshot.revision();
        let mut index = Self {
            values: HashMap::new(),
            watch: store.watch(prefix, seen).ok()?,
            seen,
        };
        snapshot.scan(prefix, None, &mut |entry| {
            index.add(entry);
            true
        });
        Some(index)
    }

    /// Takes over what has changed. `false`: history has moved on without us.
    fn catch_up(&mut self) -> bool {
        let mut events: Vec<Arc<Event>> = Vec::new();
        while let Some(result) = self.watch.next(&mut events, BATCH).now_or_never() {
            if result.is_err() {
                return false;
            }
            for event in events.drain(..) {
                if let Some(previous) = &event.previous {
                    self.remove(previous);
                }
                if event.kind == EventKind::Put {
                    self.add(&event.entry);
                }
            }
        }
        self.seen = self.watch.progress();
        true
    }

    fn add(&mut self, entry: &Entry) {
        for (key, value) in scan::labels(&entry.value) {
            let keys = self
                .values
                .entry(key.into())
                .or_default()
                .entry(value.into())
                .or_default();
            keys.insert(entry.key.clone());
        }
    }

    fn remove(&mut self, entry: &Entry) {
        for (key, value) in scan::labels(&entry.value) {
            let Some(values) = self.values.get_mut(key) else {
                continue;
            };
            if let Some(keys) = values.get_mut(value) {
                keys.remove(&*entry.key);
                if keys.is_empty() {
                    values.remove(value);
                }
            }
            if values.is_empty() {
                self.values.remove(key);
            }
        }
    }
}
