//! The time of the simulation.

use jiff::{SignedDuration, Timestamp};
use navarch_client::Clock;
use tokio::time::Instant;

/// When every simulation begins, in seconds since 1970: in 2026.
const START: i64 = 1_780_000_000;

/// Begins at the same time always, and goes on with the runtime's.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    start: Timestamp,
    began: Instant,
}

impl SimClock {
    /// From now on.
    pub fn start() -> Self {
        Self {
            start: Timestamp::from_second(START).unwrap_or(Timestamp::UNIX_EPOCH),
            began: Instant::now(),
        }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.saturating_add(gone).unwrap_or(Timestamp::MAX)
    }
}
