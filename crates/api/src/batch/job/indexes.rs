//! Lists of indexes as text: `1,3-5,7`.

use navarch_machinery::field::quote;

/// How many indexes there are. The error is in the words of Kubernetes.
pub(super) fn count(text: &str, completions: i32) -> Result<i64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let mut total = 0;
    let mut last: Option<i64> = None;
    for part in text.split(',') {
        let (low, high) = interval(part, completions)?;
        if let Some(last) = last.filter(|last| *last >= low) {
            return Err(not_increasing(last, low));
        }
        total += high - low + 1;
        last = Some(high);
    }
    Ok(total)
}

/// The first index that two lists have in common. What cannot be read is told elsewhere.
pub(super) fn overlap(one: &str, other: &str, completions: i32) -> Option<i64> {
    let read = |text: &str| -> Vec<(i64, i64)> {
        let parts = text.split(',');
        parts
            .filter_map(|part| interval(part, completions).ok())
            .collect()
    };
    let (one, other) = (read(one), read(other));
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    while let (Some((low, high)), Some((other_low, other_high))) = (one.peek(), other.peek()) {
        if low <= other_high && other_low <= high {
            return Some(*low.max(other_low));
        }
        if low <= other_low {
            one.next();
        } else {
            other.next();
        }
    }
    None
}

fn interval(text: &str, completions: i32) -> Result<(i64, i64), String> {
    let ends: Vec<&str> = text.split('-').collect();
    match ends[..] {
        [one] => {
            let one = index(one, completions)?;
            Ok((one, one))
        }
        [low, high] => {
            let (low, high) = (index(low, completions)?, index(high, completions)?);
            if low >= high {
                return Err(not_increasing(low, high));
            }
            Ok((low, high))
        }
        _ => Err(format!(
            "the fragment {} violates the requirement that an index interval can have at most two parts separated by '-'",
            quote(text)
        )),
    }
}

fn index(text: &str, completions: i32) -> Result<i64, String> {
    let number: i64 = text.parse().map_err(|_| {
        let text = quote(text);
        format!("cannot convert string to integer for index: {text}")
    })?;
    if number >= i64::from(completions) {
        return Err(format!("too large index: {}", quote(text)));
    }
    Ok(number)
}

fn not_increasing(previous: i64, current: i64) -> String {
    format!("non-increasing order, previous: {previous}, current: {current}")
}
