//! Durations as Go writes them: `300ms`, `1m30s`.

use std::time::Duration;

use navarch_machinery::field::quote;

/// Reads one. Negative ones are nothing.
///
/// # Errors
/// In Go's words.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
        let (number, tail) = rest.split_at(rest.find(|c| !is_number(c)).unwrap_or(rest.len()));
        let (unit, tail) = tail.split_at(tail.find(is_number).unwrap_or(tail.len()));
        let value: f64 = number.parse().map_err(|_| wrong())?;
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let unknown = || {
            let unit = quote(unit);
            format!("time: unknown unit {unit} in duration {}", quote(text))
        };
        sum += value * seconds(unit).ok_or_else(unknown)?;
        rest = tail;
    }
    if negative {
        return Ok(Duration::ZERO);
    }
    Duration::try_from_secs_f64(sum).map_err(|_| wrong())
}

fn seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let of = |text| parse(text).map(|duration| duration.as_millis());
        assert_eq!(of("300ms"), Ok(300));
        assert_eq!(of("1m1.5s"), Ok(61_500));
        assert_eq!(of("0"), Ok(0));
        assert_eq!(of("-1s"), Ok(0));
        let wrong = |text| parse(text).unwrap_err();
        assert_eq!(wrong("soon"), "time: invalid duration \"soon\"");
        assert_eq!(wrong("3"), "time: missing unit in duration \"3\"");
        assert_eq!(wrong("3d"), "time: unknown unit \"d\" in duration \"3d\"");
        assert_eq!(wrong(""), "time: invalid duration \"\"");
    }
}
