//! Numbers that may be percents.

#[cfg(test)]
mod tests;

use std::num::IntErrorKind;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::field::quote;

/// A text that is no percent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid value for IntOrString: {0}")]
pub struct PercentError(pub String);

/// The number, or that percentage of the total, rounded up or down, within the bounds of the type.
///
/// # Errors
/// A text that is not `N%`.
pub fn scaled(value: &IntOrString, total: i32, round_up: bool) -> Result<i32, PercentError> {
    let text = match value {
        IntOrString::Int(number) => return Ok(*number),
        IntOrString::String(text) => text,
    };
    let product = i128::from(percent(text)?) * i128::from(total);
    let up = i128::from(round_up && product.rem_euclid(100) != 0);
    let scaled = product.div_euclid(100) + up;
    Ok(i32::try_from(scaled).unwrap_or(if scaled < 0 { i32::MIN } else { i32::MAX }))
}

/// The N of `N%`.
///
/// # Errors
/// Anything else.
pub fn percent(text: &str) -> Result<i64, PercentError> {
    let digits = text
        .strip_suffix('%')
        .ok_or_else(|| PercentError("invalid type: string is not a percentage".into()))?;
    digits.parse::<i64>().map_err(|error| {
        let why = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        let (text, digits) = (quote(text), quote(digits));
        PercentError(format!(
            "invalid value {text}: strconv.Atoi: parsing {digits}: {why}"
        ))
    })
}

/// As text: `5` or `50%`.
pub fn to_text(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}
