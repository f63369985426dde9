//! What happened in one bucket, as far back as it is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::{Event, Revision};

/// The most events one bucket keeps.
pub(crate) const BUCKET_EVENTS: usize = 100_000;
/// The most bytes that all buckets' events keep together.
pub(crate) const HISTORY_BYTES: usize = 64 << 20;
/// What an event takes beside its value: itself, its entry, its place in the ring.
const EVENT_OVERHEAD: usize = 384;

/// The first segment of a key.
pub(crate) fn bucket_of(key: &str) -> &str {
    key.split_once('/').map_or(key, |(bucket, _)| bucket)
}

/// The history of one bucket and the bell that rings when it grows.
pub(crate) struct Bucket {
    pub(crate) ring: RwLock<Ring>,
    pub(crate) bell: watch::Sender<()>,
}

impl Bucket {
    pub(crate) fn new(floor: Revision) -> Self {
        Self {
            ring: RwLock::new(Ring {
                floor,
                ..Ring::default()
            }),
            bell: watch::Sender::new(()),
        }
    }
}

/// Events in the order of their revisions. Each has a sequence number, so that a cursor survives what is forgotten.
#[derive(Default)]
pub(crate) struct Ring {
    events: VecDeque<Arc<Event>>,
    /// The sequence number of the oldest event that is kept.
    pub(crate) first: u64,
    /// Everything after this revision is here.
    pub(crate) floor: Revision,
    pub(crate) bytes: usize,
}

impl Ring {
    /// Adds an event; answers what it weighs.
    pub(crate) fn push(&mut self, event: Arc<Event>) -> usize {
        let cost = cost(&event);
        self.bytes += cost;
        self.events.push_back(event);
        cost
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The sequence number of the first event after `revision`.
    pub(crate) fn after(&self, revision: Revision) -> u64 {
        self.first
            + self
                .events
                .partition_point(|event| event.revision <= revision) as u64
    }

    /// The events from sequence number `from` on.
    pub(crate) fn from(&self, from: u64) -> impl DoubleEndedIterator<Item = &Arc<Event>> {
        let skip = usize::try_from(from.saturating_sub(self.first))
            .unwrap_or(usize::MAX)
            .min(self.events.len());
        self.events.range(skip..)
    }

    /// Takes the oldest event out, and with it the claim to know its revision.
    pub(crate) fn forget_oldest(&mut self) -> Option<Arc<Event>> {
        let event = self.events.pop_front()?;
        self.first += 1;
        self.floor = self.floor.max(event.revision);
        self.bytes -= cost(&event);
        Some(event)
    }

    /// Takes out everything up to `revision`.
    pub(crate) fn forget(&mut self, revision: Revision) -> Vec<Arc<Event>> {
        let mut forgotten = Vec::new();
        while self
            .events
            .front()
            .is_some_and(|event| event.revision <= revision)
        {
            forgotten.extend(self.forget_oldest());
        }
        self.floor = self.floor.max(revision);
        if self.events.len() * 4 < self.events.capacity() {
            self.events.shrink_to(self.events.len() * 2);
        }
        forgotten
    }
}

/// Bytes an event holds. The value counts twice: once encoded for watchers.
fn cost(event: &Event) -> usize {
    EVENT_OVERHEAD + 2 * event.entry.value.len()
}
