//! What plain scalars mean in YAML 1.1, as go-yaml takes it.

use serde_json::{Number, Value};

/// The meaning of a scalar without quotes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(Number),
    Float(f64),
    Text,
    /// `<<`.
    Merge,
}

pub(super) fn plain(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Scalar::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        "<<" => return Scalar::Merge,
        _ => {}
    }
    match text.as_bytes() {
        [b'.', ..] => float(text),
        [b'+' | b'-' | b'0'..=b'9', ..] => {
            let digits = text.replace('_', "");
            integer(&digits).map_or_else(|| float(&digits), Scalar::Int)
        }
        _ => Scalar::Text,
    }
}

fn integer(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let prefixed = |lower: &str, upper: &str| {
        unsigned
            .strip_prefix(lower)
            .or_else(|| unsigned.strip_prefix(upper))
    };
    let (digits, radix) = if let Some(digits) = prefixed("0x", "0X") {
        (digits, 16)
    } else if let Some(digits) = prefixed("0b", "0B") {
        (digits, 2)
    } else if let Some(digits) = prefixed("0o", "0O") {
        (digits, 8)
    } else if let Some(digits) = unsigned
        .strip_prefix('0')
        .filter(|digits| !digits.is_empty())
    {
        (digits, 8)
    } else {
        (unsigned, 10)
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match (text.as_bytes().first(), i64::try_from(magnitude)) {
        (Some(b'-'), _) => Some(i64::try_from(-i128::from(magnitude)).ok()?.into()),
        (_, Ok(number)) => Some(number.into()),
        (Some(b'+'), Err(_)) => None,
        (_, Err(_)) => Some(magnitude.into()),
    }
}

fn float(text: &str) -> Scalar {
    let mantissa = text.strip_prefix(['+', '-']).unwrap_or(text);
    let looks = mantissa.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && mantissa.bytes().any(|b| b.is_ascii_digit())
        && mantissa
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    match text.parse::<f64>() {
        Ok(number) if looks && number.is_finite() => Scalar::Float(number),
        _ => Scalar::Text,
    }
}

/// Whether it is a number in base 60, which other readers of YAML 1.1 take it for.
pub(super) fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned.contains(':')
        && unsigned
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'_' | b'.'))
}

/// A float as Go writes it in JSON: whole numbers without a point. None for what JSON does not have.
pub(super) fn json_float(number: f64) -> Option<Value> {
    let whole = number.fract() == 0.0 && number.abs() < 9e15;
    // A whole number below 2^53 is one exactly.
    if whole {
        Some(Value::from(number as i64))
    } else {
        Number::from_f64(number).map(Value::Number)
    }
}
