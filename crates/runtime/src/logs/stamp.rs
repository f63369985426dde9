//! The time as log entries say it.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Formats the present time as RFC 3339 with nine digits, in UTC. The part down to the second is kept between calls.
#[derive(Debug, Default)]
pub struct Stamp {
    second: u64,
    text: String,
}

impl Stamp {
    /// Now, as `2024-10-06T00:17:09.669794202Z`.
    pub fn now(&mut self) -> &str {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.at(now.as_secs(), now.subsec_nanos())
    }

    pub(super) fn at(&mut self, second: u64, nanosecond: u32) -> &str {
        const PREFIX: usize = "2024-10-06T00:17:09".len();
        if self.second != second || self.text.is_empty() {
            self.second = second;
            self.text.clear();
            let (year, month, day) = civil(second / 86_400);
            let (hour, minute, rest) = (second / 3600 % 24, second / 60 % 60, second % 60);
            // Writing to a String cannot fail.
            let _ = write!(
                self.text,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{rest:02}"
            );
        }
        self.text.truncate(PREFIX);
        let _ = write!(self.text, ".{nanosecond:09}Z");
        &self.text
    }
}

/// Year, month and day of a day counted from 1970-01-01, by counting in 400-year eras that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}
