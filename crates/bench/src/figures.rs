//! What is printed: one figure a line.

use std::time::Duration;

/// Prints `name value unit`.
pub(crate) fn print(name: &str, value: f64, unit: &str) {
    println!("{name} {} {unit}", shown(value));
}

/// Prints `name value ms`.
pub(crate) fn print_time(name: &str, time: Duration) {
    print(name, time.as_secs_f64() * 1000.0, "ms");
}

/// Four digits that count: enough for any of these measurements.
fn shown(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// A count.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn rate(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(1e-9)
}

/// How long each of many took.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Prints `PREFIX_p50` and `PREFIX_p99`.
    pub(crate) fn print(mut self, prefix: &str) {
        self.0.sort_unstable();
        for percent in [50, 99] {
            if let Some(time) = percentile(&self.0, percent) {
                print_time(&format!("{prefix}_p{percent}"), time);
            }
        }
    }
}

/// The smallest of `sorted` that at least `percent` of a hundred do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&times[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 99), None);
    }

    #[test]
    fn figures_have_the_digits_that_count() {
        assert_eq!(
            [20_123.4, 123.45, 12.345, 0.123_45].map(shown),
            ["20123", "123.5", "12.35", "0.123"]
        );
    }
}
