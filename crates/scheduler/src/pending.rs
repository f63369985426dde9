//! Pods that wait for a node: those to try now, by priority and then by age; those that wait out a back-off; and those that no node
//! would take, until something changes that could help.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use navarch_client::{Backoff, ObjectKey};

/// Kubernetes' back-off of pods: 1 s doubling to 10 s.
const BACKOFF: Backoff = Backoff {
    base: Duration::from_secs(1),
    max: Duration::from_secs(10),
};
/// A pod that no node would take is tried again after so long, whatever happens. Kubernetes' five minutes.
const AT_THE_LATEST: Duration = Duration::from_secs(300);

/// The order of trying: the highest priority first, then the oldest.
type Rank = (Reverse<i32>, Option<Timestamp>, u64);

#[derive(Debug)]
enum Place {
    Ready(Rank),
    /// Until a time; `parked`: a change that could help ends it as far as the back-off allows.
    Waiting {
        until: Timestamp,
        backoff_ends: Timestamp,
        parked: bool,
    },
}

#[derive(Debug)]
struct Waiter {
    place: Place,
    rank: Rank,
    attempts: u32,
}

/// Pods that wait for a node. At most one entry a pod, so it is bounded by the pods there are.
#[derive(Debug, Default)]
pub struct Pending {
    ready: BTreeMap<Rank, ObjectKey>,
    waiting: BTreeMap<(Timestamp, ObjectKey), ()>,
    waiters: HashMap<ObjectKey, Waiter>,
    arrivals: u64,
}

impl Pending {
    /// A pod without a node is there. Known ones keep their place.
    pub fn add(&mut self, key: &ObjectKey, pod: &Pod) {
        if self.waiters.contains_key(key) {
            return;
        }
        self.arrivals += 1;
        let priority = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.priority)
            .unwrap_or(0);
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let rank = (Reverse(priority), created, self.arrivals);
        self.ready.insert(rank, key.clone());
        self.waiters.insert(
            key.clone(),
            Waiter {
                place: Place::Ready(rank),
                rank,
                attempts: 0,
            },
        );
    }

    /// A pod is gone or has a node.
    pub fn remove(&mut self, key: &ObjectKey) {
        if let Some(waiter) = self.waiters.remove(key) {
            self.unplace(key, &waiter.place);
        }
    }

    /// The next pod to try. It must be given back with [`refused`](Self::refused), or [`remove`](Self::remove)d.
    pub fn next(&mut self, now: Timestamp) -> Option<ObjectKey> {
        self.ripen(now);
        let (_, key) = self.ready.pop_first()?;
        if let Some(waiter) = self.waiters.get_mut(&key) {
            waiter.attempts = waiter.attempts.saturating_add(1);
        }
        Some(key)
    }

    /// A pod that was tried waits: for a change if no node took it (`parked`), for its back-off if something failed.
    pub fn refused(&mut self, key: &ObjectKey, parked: bool, now: Timestamp) {
        let Some(waiter) = self.waiters.get_mut(key) else {
            return;
        };
        let after = |wait: Duration| now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let backoff_ends = after(BACKOFF.after(waiter.attempts));
        let until = if parked {
            after(AT_THE_LATEST)
        } else {
            backoff_ends
        };
        waiter.place = Place::Waiting {
            until,
            backoff_ends,
            parked,
        };
        self.waiting.insert((until, key.clone()), ());
    }

    /// Something changed that could help: nobody is parked any longer than its back-off.
    pub fn unpark(&mut self) {
        let parked: Vec<ObjectKey> = self
            .waiters
            .iter()
            .filter(|(_, waiter)| matches!(waiter.place, Place::Waiting { parked: true, .. }))
            .map(|(key, _)| key.clone())
            .collect();
        for key in parked {
            self.unpark_one(&key);
        }
    }

    /// A pod changed in a way that could help it: it is parked no longer than its back-off.
    pub fn unpark_one(&mut self, key: &ObjectKey) {
        if let Some(Waiter {
            place:
                Place::Waiting {
                    until,
                    backoff_ends,
                    parked: parked @ true,
                },
            ..
        }) = self.waiters.get_mut(key)
        {
            self.waiting.remove(&(*until, key.clone()));
            (*until, *parked) = (*backoff_ends, false);
            self.waiting.insert((*until, key.clone()), ());
        }
    }

    /// When the next wait ends.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.waiting
            .first_key_value()
            .map(|((until, _), ())| *until)
    }

    /// How many pods are ready to be tried, and how many wait.
    pub fn counts(&self) -> (usize, usize) {
        (self.ready.len(), self.waiting.len())
    }

    fn ripen(&mut self, now: Timestamp) {
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let ((_, key), ()) = entry.remove_entry();
            if let Some(waiter) = self.waiters.get_mut(&key) {
                waiter.place = Place::Ready(waiter.rank);
                self.ready.insert(waiter.rank, key);
            }
        }
    }

    fn unplace(&mut self, key: &ObjectKey, place: &Place) {
        match place {
            Place::Ready(rank) => {
                self.ready.remove(rank);
            }
            Place::Waiting { until, .. } => {
                self.waiting.remove(&(*until, key.clone()));
            }
        }
    }
}
