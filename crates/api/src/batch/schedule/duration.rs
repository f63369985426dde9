//! Durations as Go writes them: `1h30m`, `-1.5s`, `300ms`.

use navarch_machinery::field::quote;

/// A duration in nanoseconds. The error is in Go's words.
pub(super) fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: f64 = 0.0;
    while !rest.is_empty() {
        let (number, after) = split_at(rest, |c| !c.is_ascii_digit() && c != '.');
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        // A second point begins what would be a unit.
        if digits == 0 || number.matches('.').count() > 1 {
            return Err(invalid());
        }
        let (unit, after) = split_at(after, |c| c == '.' || c.is_ascii_digit());
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let Some(scale) = nanoseconds(unit) else {
            let (unit, text) = (quote(unit), quote(text));
            return Err(format!("time: unknown unit {unit} in duration {text}"));
        };
        total += number.parse::<f64>().map_err(|_| invalid())? * scale;
        rest = after;
    }
    // Some 292 years, as the nearest number that there is.
    const LONGEST: f64 = 9_223_372_036_854_775_808.0;
    if total >= LONGEST {
        return Err(invalid());
    }
    // What is finer than a nanosecond is left away.
    #[allow(clippy::cast_possible_truncation)]
    let total = total as i64;
    Ok(if negative { -total } else { total })
}

fn split_at(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

fn nanoseconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1.0,
        "us" | "µs" | "μs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        _ => return None,
    })
}
