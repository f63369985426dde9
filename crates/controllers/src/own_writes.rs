//! What a controller wrote last for each key, so that it never plans on a snapshot from before its own writes.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use navarch_api::call::{Answer, Gvr};
use navarch_client::ObjectKey;
use parking_lot::Mutex;

use crate::Watched;

/// How long a worker waits to see its own write before it turns to another key.
const PATIENCE: Duration = Duration::from_secs(5);
/// After how many such waits it goes on without: a store that was restored from a copy has lost the write, and counts its revisions from
/// before it.
const WAITS: u32 = 24;
/// When the writes of so many keys are remembered, those that have been seen meanwhile are let go.
const REMEMBERED: usize = 4096;

/// The last revision that was written for a key, by kind.
#[derive(Default)]
pub(crate) struct OwnWrites(Mutex<HashMap<ObjectKey, Written>>);

#[derive(Debug, Clone, Default)]
struct Written {
    revisions: HashMap<Gvr, u64>,
    /// How often they were waited for in vain.
    waits: u32,
}

impl OwnWrites {
    /// Notes that `answer` was got to a write for `key`.
    pub(crate) fn remember(
        &self,
        key: &ObjectKey,
        resource: Gvr,
        answer: &Answer,
        informers: &[&dyn Watched],
    ) {
        let Some(revision) = revision_of(answer) else {
            return;
        };
        let mut writes = self.0.lock();
        // Keys that are never planned again: what they were about is gone.
        if writes.len() >= REMEMBERED && !writes.contains_key(key) {
            writes.retain(|_, written| !is_seen(written, informers));
        }
        let written = writes.entry(key.clone()).or_default();
        let last = written.revisions.entry(resource).or_insert(0);
        *last = revision.max(*last);
        written.waits = 0;
    }

    /// Waits until the snapshots have come as far as what was written for `key`; `false`: they have not, within a while, and may yet.
    pub(crate) async fn seen(&self, key: &ObjectKey, informers: &[&dyn Watched]) -> bool {
        let written = self.0.lock().get(key).cloned();
        let Some(written) = written else { return true };
        let all = async {
            for informer in informers {
                if let Some(revision) = written.revisions.get(&informer.resource()) {
                    informer.reached(*revision).await;
                }
            }
        };
        let seen = tokio::time::timeout(PATIENCE, all).await.is_ok();
        let mut writes = self.0.lock();
        if let Some(written) = writes.get_mut(key).filter(|_| !seen) {
            written.waits += 1;
            if written.waits < WAITS {
                return false;
            }
            tracing::warn!(%key, "own writes never came back: the store is another one");
        }
        writes.remove(key);
        true
    }
}

fn is_seen(written: &Written, informers: &[&dyn Watched]) -> bool {
    informers.iter().all(|informer| {
        written
            .revisions
            .get(&informer.resource())
            .is_none_or(|revision| informer.revision() >= *revision)
    })
}

fn revision_of(answer: &Answer) -> Option<u64> {
    let Answer::Object(object) = answer else {
        return None;
    };
    let version = object.metadata().resource_version.as_deref()?;
    version.parse().ok()
}
