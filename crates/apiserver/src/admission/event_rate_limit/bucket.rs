//! A bucket that fills with time and that each event takes one from.

use std::time::Instant;

/// What is in a bucket, as of a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn full(burst: i32, now: Instant) -> Self {
        Self {
            tokens: f64::from(burst),
            at: now,
        }
    }

    /// Takes one, if there is one. `per_second` come in, as long as there are fewer than `burst`.
    pub(super) fn take(&mut self, per_second: i32, burst: i32, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * f64::from(per_second)).min(f64::from(burst));
        self.at = now;
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_what_comes_in() {
        let start = Instant::now();
        let mut bucket = Bucket::full(3, start);
        let mut taken = |after: u64| bucket.take(2, 3, start + Duration::from_millis(after));
        assert_eq!(
            [taken(0), taken(0), taken(0), taken(0)],
            [true, true, true, false]
        );
        assert_eq!([taken(499), taken(500), taken(501)], [false, true, false]);
        assert_eq!(
            [taken(60_000), taken(60_000), taken(60_000), taken(60_000)],
            [true, true, true, false]
        );
    }
}
