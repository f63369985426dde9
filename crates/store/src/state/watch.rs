//! A watch: a cursor into a bucket's history.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::watch as bell;

use super::Shared;
use super::history::Bucket;
use crate::{Error, Event, Result, Revision, Watch};

/// How many events a cursor looks at before it lets go of the history's lock.
const STRIDE: usize = 1024;

/// Why a cursor moved no further.
#[derive(PartialEq, Eq)]
enum Stopped {
    /// There is no more.
    AtEnd,
    /// The next event is one too many.
    Full,
    /// There may be more.
    Tired,
}

/// Where one watcher stands.
pub(crate) struct Cursor {
    shared: Arc<Shared>,
    bucket: Arc<Bucket>,
    prefix: Box<str>,
    /// The sequence number of the next event to look at.
    next: u64,
    seen: Revision,
    bell: bell::Receiver<()>,
}

impl Cursor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        bucket: Arc<Bucket>,
        prefix: Box<str>,
        next: u64,
        seen: Revision,
    ) -> Self {
        let bell = bucket.bell.subscribe();
        Self {
            shared,
            bucket,
            prefix,
            next,
            seen,
            bell,
        }
    }

    /// Moves over at most [`STRIDE`] visible events, up to the first under the prefix that is more than `max`.
    fn step(&mut self, max: usize, mut found: impl FnMut(&Arc<Event>)) -> Result<Stopped> {
        let visible = self.shared.visible();
        let ring = self.bucket.ring.read();
        if self.next < ring.first {
            return Err(Error::Compacted {
                asked: self.seen,
                oldest: ring.floor,
            });
        }
        let mut room = max;
        let mut looked = 0;
        for event in ring
            .from(self.next)
            .take_while(|event| event.revision <= visible)
        {
            let ours = event.entry.key.starts_with(&*self.prefix);
            if looked == STRIDE || (ours && room == 0) {
                self.next += looked as u64;
                // Changes of one transaction share a revision, so only what lies before this event is surely seen.
                self.seen = self.seen.max(event.revision - 1);
                return Ok(if looked == STRIDE {
                    Stopped::Tired
                } else {
                    Stopped::Full
                });
            }
            looked += 1;
            if ours {
                room -= 1;
                found(event);
            }
        }
        self.next += looked as u64;
        self.seen = self.seen.max(visible);
        Ok(Stopped::AtEnd)
    }

    async fn advance(&mut self, events: &mut Vec<Arc<Event>>, max: usize) -> Result<Revision> {
        loop {
            self.bell.mark_unchanged();
            let before = events.len();
            let stopped = self.step(max.max(1), |event| events.push(event.clone()))?;
            if events.len() > before {
                return Ok(self.seen);
            }
            if stopped == Stopped::Tired {
                tokio::task::yield_now().await;
                continue;
            }
            if self.shared.closed() || self.bell.changed().await.is_err() {
                return Err(Error::Closed);
            }
        }
    }
}

impl Watch for Cursor {
    fn next<'a>(
        &'a mut self,
        events: &'a mut Vec<Arc<Event>>,
        max: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Revision>> + Send + 'a>> {
        Box::pin(self.advance(events, max))
    }

    fn seen(&self) -> Revision {
        self.seen
    }

    fn progress(&mut self) -> Revision {
        while let Ok(Stopped::Tired) = self.step(0, |_| ()) {}
        self.seen
    }
}
