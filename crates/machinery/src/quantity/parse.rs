//! Reading quantities.

use std::borrow::Cow;

use super::{Format, Quantity, QuantityError};

/// The digits that are exact: with them a mantissa fits, also when multiplied by the largest binary suffix.
const DECIMAL_DIGITS: usize = 27;
const BINARY_DIGITS: usize = 20;

/// A quantity's text taken apart. `whole` has no leading zeros.
pub(super) struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
    format: Format,
}

impl<'a> Parts<'a> {
    pub(super) fn of(text: &'a str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        let negative = text.starts_with('-');
        let rest = text
            .strip_prefix(['+', '-'])
            .unwrap_or(text)
            .trim_start_matches('0');
        let (whole, rest) = split_while(rest, |b| b.is_ascii_digit());
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => split_while(rest, |b| b.is_ascii_digit()),
            None => ("", rest),
        };
        let (_, tail) = split_while(rest, |b| b"eEinumkKMGTP".contains(&b));
        let digits = tail.strip_prefix(['+', '-']).unwrap_or(tail);
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(QuantityError::Format);
        }
        let (exponent, format) = suffix(rest)?;
        Ok(Self {
            negative,
            whole,
            fraction,
            exponent,
            format,
        })
    }

    /// In billionths.
    pub(super) fn amount(&self) -> (i128, Format) {
        let binary = self.format == Format::BinarySi;
        let keep = if binary {
            BINARY_DIGITS
        } else {
            DECIMAL_DIGITS
        };
        let digits = || self.whole.bytes().chain(self.fraction.bytes());
        let mut significant = digits().skip_while(|&b| b == b'0');
        let mantissa = significant
            .by_ref()
            .take(keep)
            .fold(0_i128, |sum, b| sum * 10 + i128::from(b - b'0'));
        let (dropped, lost) = significant.fold((0_i64, false), |(count, lost), b| {
            (count + 1, lost || b != b'0')
        });
        let fraction = i64::try_from(self.fraction.len()).unwrap_or(i64::MAX);
        let power = if binary { 0 } else { i64::from(self.exponent) };
        let power = power
            .saturating_sub(fraction)
            .saturating_add(dropped)
            .saturating_add(9);
        let mantissa = if binary {
            mantissa << self.exponent.clamp(0, 60)
        } else {
            mantissa
        };
        let mut nanos = shift(mantissa, power, lost);
        if binary {
            nanos = nanos.min(i128::from(i64::MAX) * super::NANOS);
        }
        (if self.negative { -nanos } else { nanos }, self.format)
    }

    /// Whether Kubernetes keeps the text as it was given, canonical or not.
    fn is_kept(&self) -> bool {
        let whole = if self.whole.is_empty() {
            "0"
        } else {
            self.whole
        };
        let length = whole.len() + self.fraction.len();
        let digits = || whole.bytes().chain(self.fraction.bytes());
        if self.format == Format::BinarySi {
            let room = 14 - i64::from(self.exponent) * 3 / 10;
            let last = whole.parse::<u64>().unwrap_or(0) & 7;
            return self.fraction.is_empty()
                && i64::try_from(length).is_ok_and(|length| length <= room)
                && last != 0;
        }
        let scale =
            i64::from(self.exponent) - i64::try_from(self.fraction.len()).unwrap_or(i64::MAX);
        let thousands = length >= 3 && digits().skip(length - 3).all(|b| b == b'0');
        length <= 18 && scale >= -9 && scale % 3 == 0 && !thousands && !whole.starts_with('0')
    }
}

/// `mantissa` times ten to the power, away from zero where something is lost, within bounds. The mantissa is not negative.
fn shift(mantissa: i128, power: i64, lost: bool) -> i128 {
    if mantissa == 0 {
        return i128::from(lost);
    }
    let factor = |power: i64| {
        u32::try_from(power)
            .ok()
            .and_then(|power| 10_i128.checked_pow(power))
    };
    if power >= 0 {
        return factor(power)
            .and_then(|factor| mantissa.checked_mul(factor))
            .unwrap_or(i128::MAX);
    }
    match factor(power.saturating_neg()) {
        Some(factor) => mantissa / factor + i128::from(lost || mantissa % factor != 0),
        None => 1,
    }
}

fn split_while(text: &str, keep: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(|b| !keep(b)).unwrap_or(text.len()))
}

fn suffix(text: &str) -> Result<(i32, Format), QuantityError> {
    let (exponent, format) = match text {
        "n" => (-9, Format::DecimalSi),
        "u" => (-6, Format::DecimalSi),
        "m" => (-3, Format::DecimalSi),
        "" => (0, Format::DecimalSi),
        "k" => (3, Format::DecimalSi),
        "M" => (6, Format::DecimalSi),
        "G" => (9, Format::DecimalSi),
        "T" => (12, Format::DecimalSi),
        "P" => (15, Format::DecimalSi),
        "E" => (18, Format::DecimalSi),
        "Ki" => (10, Format::BinarySi),
        "Mi" => (20, Format::BinarySi),
        "Gi" => (30, Format::BinarySi),
        "Ti" => (40, Format::BinarySi),
        "Pi" => (50, Format::BinarySi),
        "Ei" => (60, Format::BinarySi),
        _ => {
            let exponent = text.strip_prefix(['e', 'E']).ok_or(QuantityError::Suffix)?;
            (
                exponent.parse().map_err(|_| QuantityError::Suffix)?,
                Format::DecimalExponent,
            )
        }
    };
    Ok((exponent, format))
}

/// What Kubernetes writes for a quantity it read: the text itself where it took it for canonical, else the canonical form.
///
/// # Errors
/// Where it is no quantity.
pub fn reemit(text: &str) -> Result<Cow<'_, str>, QuantityError> {
    let parts = Parts::of(text)?;
    if text == "0" || parts.is_kept() {
        return Ok(Cow::Borrowed(text));
    }
    let (nanos, format) = parts.amount();
    Ok(Cow::Owned(Quantity { nanos, format }.canonical()))
}
