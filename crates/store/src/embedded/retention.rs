//! When history has become old enough to be forgotten.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Revision;

/// Into how many steps the retention time is divided: history lives this fraction longer at most.
const STEPS: u32 = 16;

/// Remembers at what time which revision was the newest. Takes the time as an argument; reads no clock.
pub(super) struct Retention {
    keep: Duration,
    marks: VecDeque<(Instant, Revision)>,
}

impl Retention {
    pub(super) fn new(keep: Duration) -> Self {
        Self {
            keep,
            marks: VecDeque::new(),
        }
    }

    /// Notes that `revision` has been committed. A mark covers a step's time, as of its end.
    pub(super) fn committed(&mut self, now: Instant, revision: Revision) {
        let step = self.keep / STEPS;
        match self.marks.back_mut() {
            Some((begun, newest)) if now.duration_since(*begun) < step => *newest = revision,
            _ => self.marks.push_back((now, revision)),
        }
    }

    /// When [`Retention::due`] will next have an answer, if anything is kept.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.marks
            .front()
            .map(|(begun, _)| *begun + self.keep + self.keep / STEPS)
    }

    /// The revision up to which history is now too old.
    pub(super) fn due(&mut self, now: Instant) -> Option<Revision> {
        let mut due = None;
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            due = self.marks.pop_front().map(|(_, revision)| revision);
        }
        due
    }
}
