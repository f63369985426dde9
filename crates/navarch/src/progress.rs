//! What a person sees while a cluster starts: a line a step, with the time since the start.

use std::time::Instant;

/// Prints steps with their times.
pub(crate) struct Progress {
    start: Instant,
}

impl Progress {
    /// Starts counting.
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// A step is done.
    pub(crate) fn done(&self, what: &str) {
        println!(
            "{:>8.1} ms  {what}",
            self.start.elapsed().as_secs_f64() * 1000.0
        );
    }
}
