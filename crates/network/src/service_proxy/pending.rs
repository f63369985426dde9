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
}

impl Pending {
    pub(crate) fn service(&self, key: ObjectKey) {
        self.work.lock().services.insert(key);
        self.changed.notify_one();
    }

    pub(crate) fn everything(&self) {
        self.work.lock().everything = true;
        self.changed.notify_one();
    }

    /// Waits until there is something.
    pub(crate) async fn filled(&self) {
        while self.work.lock().is_empty() {
            self.changed.notified().await;
        }
    }

    /// Takes all there is.
    pub(crate) fn take(&self) -> Work {
        std::mem::take(&mut *self.work.lock())
    }
}

impl Work {
    pub(crate) fn is_empty(&self) -> bool {
        !self.everything && self.services.is_empty()
    }
}
