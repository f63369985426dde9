//! How long a container that keeps ending waits before it runs again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

const INITIAL: Duration = Duration::from_secs(10);
const MAX: Duration = Duration::from_secs(300);
/// A container that ran so long starts anew.
const FORGET: SignedDuration = SignedDuration::from_secs(600);

/// A container's back-off: the first restart is immediate, the next waits 10 s, each one after it twice as long, at most 5 min;
/// after 10 min without a restart it starts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashBackoff {
    /// How long after its end the container waits.
    pub wait: Duration,
    /// When the restart was that set it.
    pub since: Timestamp,
}

impl CrashBackoff {
    /// When the container that ended at `finished` may run again; `None`: now.
    pub fn until(
        before: Option<&Self>,
        finished: Timestamp,
        now: Timestamp,
    ) -> Option<(Timestamp, Duration)> {
        let backoff = before.filter(|b| finished.duration_since(b.since) <= FORGET)?;
        let until = finished.checked_add(backoff.wait).unwrap_or(now);
        (now < until).then_some((until, backoff.wait))
    }

    /// The back-off that holds after a restart, `now`, of the container that ended at `finished`.
    pub fn next(before: Option<&Self>, finished: Timestamp, now: Timestamp) -> Self {
        let wait = match before.filter(|b| finished.duration_since(b.since) <= FORGET) {
            Some(backoff) => (backoff.wait * 2).min(MAX),
            None => INITIAL,
        };
        Self { wait, since: now }
    }
}

/// A duration as Go writes it: `10s`, `2m40s`, `5m0s`.
pub(crate) fn go_seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}
