//! When cron jobs run: five fields, or a descriptor, as `robfig/cron` reads and words it.

mod duration;
mod field;
#[cfg(test)]
mod tests;

use navarch_machinery::field::quote;

use duration::parse_duration;
use field::{Bounds, DAYS, DAYS_OF_WEEK, HOURS, MINUTES, MONTHS, parse_field};

/// A schedule. Each set has a bit for each number that is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// At the minutes that all five sets have.
    At(Fields),
    /// Every so many nanoseconds.
    Every(i64),
}

/// The five fields of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// 0 to 59.
    pub minutes: Set,
    /// 0 to 23.
    pub hours: Set,
    /// 1 to 31.
    pub days: Set,
    /// 1 to 12.
    pub months: Set,
    /// 0 (Sunday) to 6.
    pub days_of_week: Set,
}

/// Numbers from 0 to 59.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// A bit for each number.
    pub bits: u64,
    /// Whether it was written as `*` or `?`: of two sets of days, both count only where one of them is.
    pub is_star: bool,
}

impl Schedule {
    /// Reads a schedule. The error is in the words of Kubernetes.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("empty spec string".to_owned());
        }
        let text = without_zone(text)?;
        if text.starts_with('@') {
            return parse_descriptor(text);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, days_of_week] = fields[..] else {
            let (found, fields) = (fields.len(), fields.join(" "));
            return Err(format!(
                "expected exactly 5 fields, found {found}: [{fields}]"
            ));
        };
        Ok(Self::At(Fields {
            minutes: parse_field(minutes, &MINUTES)?,
            hours: parse_field(hours, &HOURS)?,
            days: parse_field(days, &DAYS)?,
            months: parse_field(months, &MONTHS)?,
            days_of_week: parse_field(days_of_week, &DAYS_OF_WEEK)?,
        }))
    }
}

/// Takes off `TZ=…` or `CRON_TZ=…`, which old cron jobs may still have.
fn without_zone(text: &str) -> Result<&str, String> {
    let Some(rest) = text
        .strip_prefix("TZ=")
        .or_else(|| text.strip_prefix("CRON_TZ="))
    else {
        return Ok(text);
    };
    let Some((zone, rest)) = rest.split_once(' ') else {
        return Err(
            "invalid schedule format: runtime error: slice bounds out of range [:-1]".to_owned(),
        );
    };
    match super::time_zone::find(zone) {
        Ok(()) => Ok(rest.trim()),
        Err(error) => Err(format!("provided bad location {zone}: {error}")),
    }
}

fn parse_descriptor(text: &str) -> Result<Schedule, String> {
    let first = |bounds: &Bounds| Set {
        bits: 1 << bounds.min,
        is_star: false,
    };
    let all = Bounds::all;
    let yearly = Fields {
        minutes: first(&MINUTES),
        hours: first(&HOURS),
        days: first(&DAYS),
        months: first(&MONTHS),
        days_of_week: all(&DAYS_OF_WEEK),
    };
    let monthly = Fields {
        months: all(&MONTHS),
        ..yearly
    };
    let daily = Fields {
        days: all(&DAYS),
        ..monthly
    };
    Ok(Schedule::At(match text {
        "@yearly" | "@annually" => yearly,
        "@monthly" => monthly,
        "@weekly" => Fields {
            days_of_week: first(&DAYS_OF_WEEK),
            ..daily
        },
        "@daily" | "@midnight" => daily,
        "@hourly" => Fields {
            hours: all(&HOURS),
            ..daily
        },
        _ => {
            let Some(every) = text.strip_prefix("@every ") else {
                return Err(format!("unrecognized descriptor: {text}"));
            };
            return parse_duration(every)
                .map(Schedule::Every)
                .map_err(|error| format!("failed to parse duration {text}: {error}"));
        }
    }))
}

/// What Go says of a text that is no number.
fn parse_number(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let why = if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        "invalid syntax"
    } else {
        match text.parse() {
            Ok(number) => return Ok(number),
            Err(_) => "value out of range",
        }
    };
    Err(format!("strconv.Atoi: parsing {}: {why}", quote(text)))
}
