//! Times as the API has them.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

/// The time in whole seconds, as `creationTimestamp` and all other `Time`s are told: what is in memory then equals what is read back.
pub fn seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// The time in whole microseconds, as leases and events have it.
pub fn microseconds(now: Timestamp) -> MicroTime {
    MicroTime(Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now))
}

/// What Go has for a time that nobody gave, and writes as null: the first second of the year 1.
pub const ZERO: &str = "0001-01-01T00:00:00Z";
const ZERO_SECOND: i64 = -62_135_596_800;

/// Whether it is [`ZERO`].
pub fn is_zero(time: &Time) -> bool {
    time.0.as_second() == ZERO_SECOND
}

/// As JSON has it: `2026-11-22T16:05:00Z`.
pub fn format(time: &Time) -> String {
    time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
