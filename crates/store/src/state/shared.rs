//! What readers, watchers and the one committing writer share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch as bell;

use super::history::{BUCKET_EVENTS, Bucket, HISTORY_BYTES, bucket_of};
use super::watch::Cursor;
use super::{Batch, View};
use crate::{Error, Event, Result, Revision, Status, Watch};

/// How much history is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Events of one bucket.
    pub(crate) events: usize,
    /// Bytes of all buckets.
    pub(crate) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            events: BUCKET_EVENTS,
            bytes: HISTORY_BYTES,
        }
    }
}

/// The published state.
pub(crate) struct Shared {
    /// The newest view. The lock is held for a reference count only.
    view: RwLock<Arc<View>>,
    buckets: RwLock<HashMap<Box<str>, Arc<Bucket>>>,
    /// Events up to here may be shown: the view has them too.
    visible: AtomicU64,
    floor: AtomicU64,
    closed: AtomicBool,
    revision: bell::Sender<Revision>,
    /// The weight of all history. Whoever publishes or compacts holds it.
    weight: Mutex<usize>,
    bounds: Bounds,
}

impl Shared {
    /// Begins with what a backend has recovered. History before it is gone.
    pub(crate) fn new(view: View, bounds: Bounds) -> Arc<Self> {
        let revision = view.revision;
        Arc::new(Self {
            view: RwLock::new(Arc::new(view)),
            buckets: RwLock::default(),
            visible: AtomicU64::new(revision),
            floor: AtomicU64::new(revision),
            closed: AtomicBool::new(false),
            revision: bell::Sender::new(revision),
            weight: Mutex::new(0),
            bounds,
        })
    }

    /// The newest durable view.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().clone()
    }

    /// The newest revision that watches may show.
    pub(crate) fn visible(&self) -> Revision {
        self.visible.load(Ordering::Acquire)
    }

    /// The oldest revision that every bucket can be read or watched from, but for what a flood has pushed out of one.
    pub(crate) fn floor(&self) -> Revision {
        self.floor.load(Ordering::Acquire)
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Makes a durable batch the newest state and tells the watchers.
    ///
    /// First the events (hidden), then the view, then the permission to see the events: so a view has all history
    /// behind it, and no watcher tells of what a read does not show yet.
    pub(crate) fn publish(&self, batch: Batch) {
        if batch.events.is_empty() {
            return;
        }
        let revision = batch.revision;
        let mut weight = self.weight.lock();
        let mut touched: Vec<(&str, Arc<Bucket>)> = Vec::new();
        for event in &batch.events {
            let name = bucket_of(&event.entry.key);
            if touched.last().is_none_or(|(last, _)| *last != name) {
                let known = touched.iter().position(|(known, _)| *known == name);
                let bucket =
                    known.map_or_else(|| (name, self.bucket(name)), |at| touched.swap_remove(at));
                touched.push(bucket);
            }
            if let Some((_, bucket)) = touched.last() {
                *weight += bucket.ring.write().push(event.clone());
            }
        }
        let previous = std::mem::replace(
            &mut *self.view.write(),
            Arc::new(View {
                map: batch.map,
                revision,
            }),
        );
        self.visible.store(revision, Ordering::Release);
        for (_, bucket) in &touched {
            bucket.bell.send_replace(());
        }
        self.revision.send_replace(revision);
        drop(previous);
        let forgotten = self.trim(&mut weight, &touched);
        drop(weight);
        drop(forgotten);
    }

    /// Forgets what is more than the bounds allow.
    fn trim(&self, weight: &mut usize, touched: &[(&str, Arc<Bucket>)]) -> Vec<Arc<Event>> {
        let mut forgotten = Vec::new();
        let mut lighten =
            |bucket: &Bucket, weight: &mut usize, enough: &dyn Fn(usize, usize) -> bool| {
                let mut ring = bucket.ring.write();
                while !enough(ring.len(), *weight) {
                    let before = ring.bytes;
                    let Some(event) = ring.forget_oldest() else {
                        break;
                    };
                    *weight -= before - ring.bytes;
                    forgotten.push(event);
                }
            };
        for (_, bucket) in touched {
            lighten(bucket, weight, &|events, _| events <= self.bounds.events);
        }
        if *weight > self.bounds.bytes {
            let heaviest = self
                .all()
                .into_iter()
                .max_by_key(|bucket| bucket.ring.read().bytes);
            let target = self.bounds.bytes - self.bounds.bytes / 64;
            if let Some(bucket) = heaviest {
                lighten(&bucket, weight, &|_, weight| weight <= target);
            }
        }
        forgotten
    }

    /// The state at `revision`, of the bucket a prefix lies in or of all: the newest view with what came after undone.
    pub(crate) fn view_at(&self, prefix: Option<&str>, revision: Revision) -> Result<Arc<View>> {
        let newest = self.view();
        if revision > newest.revision {
            return Err(Error::Future {
                asked: revision,
                current: newest.revision,
            });
        }
        if revision < self.floor() {
            return Err(Error::Compacted {
                asked: revision,
                oldest: self.floor(),
            });
        }
        if revision == newest.revision {
            return Ok(newest);
        }
        let buckets = match prefix {
            Some(prefix) => vec![self.bucket(bucket_of(prefix))],
            None => self.all(),
        };
        let mut view = View {
            map: newest.map.clone(),
            revision,
        };
        for bucket in buckets {
            let ring = bucket.ring.read();
            if revision < ring.floor {
                return Err(Error::Compacted {
                    asked: revision,
                    oldest: ring.floor,
                });
            }
            for event in ring
                .from(ring.after(revision))
                .rev()
                .filter(|event| event.revision <= newest.revision)
            {
                match &event.previous {
                    Some(entry) => view.map.insert(entry.key.clone(), entry.clone()),
                    None => view.map.remove(&event.entry.key),
                };
            }
        }
        Ok(Arc::new(view))
    }

    /// A cursor behind revision `after` of the bucket that `prefix` lies in.
    pub(crate) fn watch(self: &Arc<Self>, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        // A reader may have the new view a moment before its events may be shown: what it has read is no future.
        let current = self.visible().max(self.view().revision);
        if after > current {
            return Err(Error::Future {
                asked: after,
                current,
            });
        }
        let bucket = self.bucket(bucket_of(prefix));
        let next = {
            let ring = bucket.ring.read();
            let oldest = ring.floor.max(self.floor());
            if after < oldest {
                return Err(Error::Compacted {
                    asked: after,
                    oldest,
                });
            }
            ring.after(after)
        };
        Ok(Box::new(Cursor::new(
            self.clone(),
            bucket,
            prefix.into(),
            next,
            after,
        )))
    }

    /// Forgets history up to `revision`. Watches that have not seen it all get `Compacted`.
    pub(crate) fn compact(&self, revision: Revision) -> Result<()> {
        let current = self.visible();
        if revision > current {
            return Err(Error::Future {
                asked: revision,
                current,
            });
        }
        let mut forgotten = Vec::new();
        let mut weight = self.weight.lock();
        self.floor.fetch_max(revision, Ordering::AcqRel);
        for bucket in self.all() {
            let mut ring = bucket.ring.write();
            let before = ring.bytes;
            forgotten.push(ring.forget(revision));
            *weight -= before - ring.bytes;
        }
        drop(weight);
        Ok(())
    }

    /// How the state is; a backend knows how much disk it takes.
    pub(crate) fn status(&self, disk_bytes: u64) -> Status {
        let view = self.view();
        Status {
            revision: view.revision,
            compacted: self.floor(),
            keys: view.map.len(),
            disk_bytes,
        }
    }

    /// Waits until `revision` is visible.
    pub(crate) async fn reached(&self, revision: Revision) -> Result<()> {
        let mut bell = self.revision.subscribe();
        let ended = bell
            .wait_for(|current| *current >= revision || self.closed())
            .await
            .map(|current| *current);
        match ended {
            Ok(current) if current >= revision => Ok(()),
            _ => Err(Error::Closed),
        }
    }

    /// Ends every watch. Snapshots stay readable.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for bucket in self.all() {
            bucket.bell.send_replace(());
        }
        self.revision.send_modify(|_| ());
    }

    fn all(&self) -> Vec<Arc<Bucket>> {
        self.buckets.read().values().cloned().collect()
    }

    fn bucket(&self, name: &str) -> Arc<Bucket> {
        if let Some(bucket) = self.buckets.read().get(name) {
            return bucket.clone();
        }
        let mut buckets = self.buckets.write();
        buckets
            .entry(name.into())
            .or_insert_with(|| Arc::new(Bucket::new(self.floor())))
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_can_be_watched_from() {
        let shared = Shared::new(View::default(), Bounds::default());
        // As in the middle of `publish`: the view is there, its events may not be shown yet.
        let map = shared.view().map.clone();
        *shared.view.write() = Arc::new(View { map, revision: 1 });
        assert_eq!(shared.visible(), 0);
        assert!(shared.watch("a/", shared.view().revision).is_ok());
        assert!(matches!(
            shared.watch("a/", 2).map(drop),
            Err(Error::Future { asked: 2, .. })
        ));
    }
}
