//! An index from labels to keys, one for each bucket that is selected from by label.
//!
//! It is brought up to date when it is asked, by the same history that watches read, so writes pay nothing for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures::FutureExt;
use navarch_machinery::labels::{Operator, Selector};
use navarch_store::{Entry, Event, EventKind, Revision, Store, Watch};
use parking_lot::Mutex;

use crate::encode::scan;
use crate::served::Served;

/// Buckets smaller than this are faster read than indexed.
const WORTH_IT: usize = 256;
/// Events taken from history at once.
const BATCH: usize = 1024;

type Keys = BTreeSet<Arc<str>>;

/// The index of a bucket, once it has one.
type Slot = Arc<Mutex<Option<Index>>>;

/// The indexes of all buckets.
#[derive(Default)]
pub(crate) struct LabelIndexes {
    buckets: Mutex<HashMap<Box<str>, Slot>>,
}

struct Index {
    values: HashMap<Box<str>, HashMap<Box<str>, Keys>>,
    watch: Box<dyn Watch>,
    seen: Revision,
}

/// What an index knows of a selector.
pub(crate) struct Candidates {
    /// The keys that may match, in order.
    pub(crate) keys: Vec<Arc<str>>,
    /// The moment at which they do: what is read must be read there.
    pub(crate) seen: Revision,
}

impl LabelIndexes {
    /// The keys of a resource's bucket that may match now; `None`: all may.
    pub(crate) fn candidates(
        &self,
        store: &dyn Store,
        served: &Served,
        selector: &Selector,
    ) -> Option<Candidates> {
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
        let bucket = self.bucket(&served.prefix);
        let mut slot = bucket.lock();
        if slot.as_mut().is_some_and(|index| !index.catch_up()) {
            *slot = None;
        }
        if slot.is_none() {
            if !is_worth_it(store, &served.prefix) {
                return None;
            }
            *slot = Index::build(store, &served.prefix);
        }
        let index = slot.as_ref()?;
        let values = index.values.get(requirement.key());
        let mut keys: Vec<Arc<str>> = requirement
            .values()
            .iter()
            .filter_map(|value| values?.get(value.as_str()))
            .flatten()
            .cloned()
            .collect();
        keys.sort_unstable();
        Some(Candidates {
            keys,
            seen: index.seen,
        })
    }

    fn bucket(&self, prefix: &str) -> Slot {
        let mut buckets = self.buckets.lock();
        if let Some(bucket) = buckets.get(prefix) {
            return bucket.clone();
        }
        buckets.entry(prefix.into()).or_default().clone()
    }
}

fn is_worth_it(store: &dyn Store, prefix: &str) -> bool {
    let mut entries = 0;
    store.snapshot().scan(prefix, None, &mut |_| {
        entries += 1;
        entries < WORTH_IT
    });
    entries == WORTH_IT
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
