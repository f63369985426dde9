//! One field of a schedule: ranges with steps, and commas between.

use super::{Set, parse_number};

/// What numbers a field may have, and what names stand for some of them.
pub(super) struct Bounds {
    pub(super) min: u64,
    pub(super) max: u64,
    names: &'static [&'static str],
}

const fn bounds(min: u64, max: u64, names: &'static [&'static str]) -> Bounds {
    Bounds { min, max, names }
}

pub(super) const MINUTES: Bounds = bounds(0, 59, &[]);
pub(super) const HOURS: Bounds = bounds(0, 23, &[]);
pub(super) const DAYS: Bounds = bounds(1, 31, &[]);
pub(super) const MONTHS: Bounds = bounds(
    1,
    12,
    &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
);
pub(super) const DAYS_OF_WEEK: Bounds =
    bounds(0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]);

impl Bounds {
    /// All numbers.
    pub(super) fn all(&self) -> Set {
        Set {
            bits: bits(self.min, self.max, 1),
            is_star: true,
        }
    }

    fn number(&self, text: &str) -> Result<u64, String> {
        let name = text.to_lowercase();
        let named = (self.min..).zip(self.names).find(|(_, it)| **it == name);
        named.map_or_else(|| number(text), |(number, _)| Ok(number))
    }
}

pub(super) fn parse_field(text: &str, bounds: &Bounds) -> Result<Set, String> {
    let mut set = Set {
        bits: 0,
        is_star: false,
    };
    for range in text.split(',').filter(|range| !range.is_empty()) {
        let range = parse_range(range, bounds)?;
        set.bits |= range.bits;
        set.is_star |= range.is_star;
    }
    Ok(set)
}

/// `5`, `1-5`, `*`, `?`, each perhaps with `/step`. `N/step` goes on to the end.
fn parse_range(text: &str, bounds: &Bounds) -> Result<Set, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = parts.first().map_or("", |it| it).split('-').collect();
    let mut is_star = false;
    let (start, mut end) = match ends[..] {
        ["*" | "?", ..] => {
            is_star = true;
            (bounds.min, bounds.max)
        }
        [one] => {
            let one = bounds.number(one)?;
            (one, one)
        }
        [low, high] => (bounds.number(low)?, bounds.number(high)?),
        // What is wrong with the first number is told before that there are too many.
        [low, ..] => {
            bounds.number(low)?;
            return Err(format!("too many hyphens: {text}"));
        }
        [] => return Err(format!("too many hyphens: {text}")),
    };
    let step = match parts[..] {
        [_] => 1,
        [_, step] => {
            let step = number(step)?;
            if ends.len() == 1 {
                end = bounds.max;
            }
            is_star &= step <= 1;
            step
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    check(start, end, step, bounds).map_err(|why| format!("{why}: {text}"))?;
    Ok(Set {
        bits: bits(start, end, step),
        is_star,
    })
}

fn check(start: u64, end: u64, step: u64, bounds: &Bounds) -> Result<(), String> {
    let Bounds { min, max, .. } = bounds;
    if start < *min {
        Err(format!(
            "beginning of range ({start}) below minimum ({min})"
        ))
    } else if end > *max {
        Err(format!("end of range ({end}) above maximum ({max})"))
    } else if start > end {
        Err(format!(
            "beginning of range ({start}) beyond end of range ({end})"
        ))
    } else if step == 0 {
        Err("step of range should be a positive number".to_owned())
    } else {
        Ok(())
    }
}

fn number(text: &str) -> Result<u64, String> {
    let number =
        parse_number(text).map_err(|why| format!("failed to parse int from {text}: {why}"))?;
    u64::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {text}"))
}

/// Every `step`th bit from `start` to `end`; both are below 64, and the step is not 0.
fn bits(start: u64, end: u64, step: u64) -> u64 {
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    (start..=end)
        .step_by(step)
        .fold(0, |bits, at| bits | 1 << at)
}
