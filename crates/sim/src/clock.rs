//! The time of the simulation.

use jiff::{SignedDuration, Timestamp};
use navarch_client::Clock;
use tokio::time::Instant;

/// Begins with the host's time, and goes on with the runtime's.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    start: Timestamp,
    began: Instant,
}

impl SimClock {
    /// From now on.
    pub fn start() -> Self {
        Self {
            start: Timestamp::now(),
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
