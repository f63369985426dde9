//! What has to be looked at again: each thing once, however often it changes.

use std::collections::HashSet;

use navarch_client::ObjectKey;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Collects what changes. Bounded by the number of services.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    work: Mutex<Work>,
    changed: Notify,
}

/// What has changed.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// These services, or their endpoints.
    pub(crate) services: HashSet<ObjectKey>,
    /// What all of them depend on: the node, or the ranges of services' addresses.
    pub(crate) everything: bool,
    /// Up to which revision of endpoint slices this is all there is.
    pub(crate) revision: u64,
}

impl Pending {
    pub(crate) fn service(&self, key: ObjectKey) {
        self.work.lock().services.insert(key);
        self.changed.notify_one();
    }

    /// The endpoints of a service have changed, at a revision.
    pub(crate) fn endpoints(&self, key: ObjectKey, revision: u64) {
        let mut work = self.work.lock();
        work.revision = work.revision.max(revision);
        work.services.insert(key);
        drop(work);
        self.changed.notify_one();
    }

    pub(crate) fn everything(&self) {
        self.work.lock().everything = true;
        self.changed.notify_one();
    }

    /// Waits until there is something, and takes all of it.
    pub(crate) async fn take(&self) -> Work {
        loop {
            let work = std::mem::take(&mut *self.work.lock());
            if work.everything || !work.services.is_empty() {
                return work;
            }
            self.changed.notified().await;
        }
    }
}
