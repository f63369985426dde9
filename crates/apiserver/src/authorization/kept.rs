//! Something that is made of the objects of some buckets, as new as the store whenever it is looked at.
//!
//! It follows the history that watches read, and does so when it is asked: writes pay nothing for it, and no decision is older
//! than a write that was answered. Where history has moved on without it, it is made anew from a snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use navarch_machinery::object::Object;
use navarch_store::{Entry, Event, EventKind, Revision, Store, Watch};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use crate::served::Served;

/// Events taken from history at once.
const BATCH: usize = 1024;
/// How often what is published in this moment is looked for before all is read anew.
const TURNS: usize = 10_000;

/// What is made of objects.
pub(super) trait FromObjects: Default + Send + Sync {
    /// Takes in an object of a bucket, in the place of what there was of its name.
    fn put(&mut self, bucket: usize, place: Place<'_>, object: &dyn Object);
    /// Lets go of one.
    fn remove(&mut self, bucket: usize, place: Place<'_>);
}

/// Where an object is; in cluster scope the namespace is empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// The thing, and how far it has come.
pub(super) struct Kept<T> {
    buckets: Vec<Arc<Served>>,
    value: RwLock<T>,
    /// One a bucket. Empty: history cannot be followed from where it is.
    watches: Mutex<Vec<Box<dyn Watch>>>,
    seen: AtomicU64,
}

impl<T: FromObjects> Kept<T> {
    /// Of the objects there are. The place of a bucket in the list is what it goes by.
    pub(super) fn new(store: &dyn Store, buckets: Vec<Arc<Served>>) -> Self {
        let kept = Self {
            buckets,
            value: RwLock::default(),
            watches: Mutex::default(),
            seen: AtomicU64::new(0),
        };
        kept.make_anew(store, &mut kept.watches.lock());
        kept
    }

    /// As it is now.
    pub(super) fn now(&self, store: &dyn Store) -> RwLockReadGuard<'_, T> {
        let revision = store.snapshot().revision();
        if self.seen.load(Ordering::Acquire) < revision {
            self.catch_up(store, revision);
        }
        self.value.read()
    }

    fn catch_up(&self, store: &dyn Store, revision: Revision) {
        let mut watches = self.watches.lock();
        if self.seen.load(Ordering::Acquire) >= revision {
            return;
        }
        if watches.is_empty() || !self.follow(&mut watches, revision) {
            self.make_anew(store, &mut watches);
        } else {
            self.seen.store(revision, Ordering::Release);
        }
    }

    /// Takes in what has happened. `false`: it cannot be known.
    fn follow(&self, watches: &mut [Box<dyn Watch>], revision: Revision) -> bool {
        let mut all: Vec<(usize, Arc<Event>)> = Vec::new();
        let mut events: Vec<Arc<Event>> = Vec::new();
        for (bucket, watch) in watches.iter_mut().enumerate() {
            let mut turns = 0;
            while watch.progress() < revision {
                match watch.next(&mut events, BATCH).now_or_never() {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return false,
                    // The view has just been exchanged; its events can be seen in a moment.
                    None if turns < TURNS => {
                        turns += 1;
                        std::thread::yield_now();
                    }
                    None => return false,
                }
                all.extend(events.drain(..).map(|event| (bucket, event)));
            }
        }
        // In their order and at once: a state that never was decides nothing.
        all.sort_by_key(|(_, event)| event.revision);
        let mut value = self.value.write();
        for (bucket, event) in all {
            self.take_in(&mut value, bucket, &event);
        }
        true
    }

    fn take_in(&self, value: &mut T, bucket: usize, event: &Event) {
        match event.kind {
            EventKind::Put => self.put(value, bucket, &event.entry),
            EventKind::Delete => {
                let served = &self.buckets[bucket];
                value.remove(bucket, place(served, &event.entry.key));
            }
        }
    }

    fn put(&self, value: &mut T, bucket: usize, entry: &Entry) {
        let served = &self.buckets[bucket];
        let place = place(served, &entry.key);
        match served.decode(entry) {
            Ok(object) => value.put(bucket, place, &*object),
            Err(error) => {
                // What cannot be read gives nothing.
                tracing::error!(%error, "an object that permission is given by");
                value.remove(bucket, place);
            }
        }
    }

    fn make_anew(&self, store: &dyn Store, watches: &mut Vec<Box<dyn Watch>>) {
        watches.clear();
        let snapshot = store.snapshot();
        let revision = snapshot.revision();
        let mut made = T::default();
        for (bucket, served) in self.buckets.iter().enumerate() {
            snapshot.scan(&served.prefix, None, &mut |entry| {
                self.put(&mut made, bucket, entry);
                true
            });
        }
        *self.value.write() = made;
        let anew = self.buckets.iter();
        let anew = anew.map(|served| store.watch(&served.prefix, revision));
        if let Ok(anew) = anew.collect::<Result<_, _>>() {
            *watches = anew;
        }
        self.seen.store(revision, Ordering::Release);
    }
}

fn place<'a>(served: &Served, key: &'a str) -> Place<'a> {
    let path = key.strip_prefix(&*served.prefix).unwrap_or(key);
    let (namespace, name) = path.split_once('/').unwrap_or(("", path));
    Place { namespace, name }
}
