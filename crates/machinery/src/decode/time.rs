//! Times as Go reads them: RFC 3339 and nothing else.

use std::borrow::Cow;
use std::fmt::Write;

const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
const MICROS: &str = "2006-01-02T15:04:05.000000Z07:00";

/// The pieces of the layout: what Go names in an error, how many digits, and the letter that follows.
const PIECES: [(&str, usize, &str); 6] = [
    ("2006", 4, "-"),
    ("01", 2, "-"),
    ("02", 2, "T"),
    ("15", 2, ":"),
    ("04", 2, ":"),
    ("05", 2, ""),
];

/// Checks the time and cuts it to what its type tells: seconds, or microseconds.
///
/// # Errors
/// In the words of Go's `time.Parse`.
pub(super) fn check(text: Cow<'_, str>, micro: bool) -> Result<Cow<'_, str>, String> {
    let layout = if micro { MICROS } else { SECONDS };
    let cannot = |rest: &str, piece: &str| {
        let (text, rest) = (quoted(&text), quoted(rest));
        format!("parsing time {text} as {layout:?}: cannot parse {rest} as {piece:?}")
    };
    let range = |what: &str| format!("parsing time {}: {what} out of range", quoted(&text));

    let mut rest = text.as_ref();
    let mut numbers = [0_u32; 6];
    for ((piece, digits, follows), number) in PIECES.iter().zip(&mut numbers) {
        *number = leading(rest, *digits).ok_or_else(|| cannot(rest, piece))?;
        rest = &rest[*digits..];
        rest = rest
            .strip_prefix(follows)
            .ok_or_else(|| cannot(rest, follows))?;
    }
    let [year, month, day, hour, minute, second] = numbers;
    let outside = [
        ("month", !(1..=12).contains(&month)),
        ("hour", hour > 23),
        ("minute", minute > 59),
        ("second", second > 59),
    ];
    if let Some((what, _)) = outside.iter().find(|(_, outside)| *outside) {
        return Err(range(what));
    }

    let seconds = text.len() - rest.len();
    let fraction = rest.strip_prefix(['.', ',']).map_or(0, |digits| {
        digits.bytes().take_while(u8::is_ascii_digit).count()
    });
    if micro && fraction != 6 {
        return Err(cannot(rest, ".000000"));
    }
    let zone = if fraction > 0 {
        &rest[1 + fraction..]
    } else {
        rest
    };
    zone_error(zone).map_or(Ok(()), |what| {
        Err(if what == "range" {
            range("time zone offset hour")
        } else {
            cannot(zone, what)
        })
    })?;
    if day < 1 || day > days(year, month) {
        return Err(range("day"));
    }
    if fraction == 0 || micro {
        return Ok(text);
    }
    Ok(Cow::Owned(format!("{}{zone}", &text[..seconds])))
}

/// In quotes as Go's `time` package writes them: what is not printable ASCII by its bytes.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=0x7f => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

fn leading(text: &str, digits: usize) -> Option<u32> {
    let digits = text.as_bytes().get(..digits)?;
    digits.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u32::from(byte - b'0'))
    })
}

/// `Z`, `+01:00` or `-01:00`, and then the end.
fn zone_error(zone: &str) -> Option<&'static str> {
    if zone == "Z" {
        return None;
    }
    let bytes = zone.as_bytes();
    let well_formed = bytes.len() == 6
        && matches!(bytes[0], b'+' | b'-')
        && bytes[3] == b':'
        && [1, 2, 4, 5]
            .iter()
            .all(|at: &usize| bytes[*at].is_ascii_digit());
    if !well_formed {
        return Some("Z07:00");
    }
    let number = |at: usize| (bytes[at] - b'0') * 10 + bytes[at + 1] - b'0';
    (number(1) > 23 || number(4) > 59).then_some("range")
}

fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
