//! How long to wait before the next try.

use std::time::Duration;

/// Waits that double from `base` up to `max`.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Before the second try.
    pub base: Duration,
    /// At most.
    pub max: Duration,
}

impl Backoff {
    /// client-go's controller back-off: 5 ms, doubling, at most 1000 s.
    pub const CONTROLLER: Self = Self {
        base: Duration::from_millis(5),
        max: Duration::from_secs(1000),
    };
    /// For lists and watches that fail: 100 ms, doubling, at most 30 s.
    pub const REFLECTOR: Self = Self {
        base: Duration::from_millis(100),
        max: Duration::from_secs(30),
    };

    /// The wait after `failures` failures in a row; the first failure is 1.
    pub fn after(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(40);
        let wait = self.base.as_nanos().saturating_mul(1u128 << doublings);
        let wait = u64::try_from(wait).unwrap_or(u64::MAX);
        Duration::from_nanos(wait).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_maximum() {
        let b = Backoff::CONTROLLER;
        assert_eq!(b.after(1), Duration::from_millis(5));
        assert_eq!(b.after(4), Duration::from_millis(40));
        assert_eq!(b.after(u32::MAX), Duration::from_secs(1000));
    }
}
