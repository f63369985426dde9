//! Numbers that may be percents.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A text that is no percent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PercentError(pub String);

/// The number, or that percentage of the total, rounded up or down.
///
/// # Errors
/// A text that is not `N%`.
pub fn scaled(value: &IntOrString, total: i32, round_up: bool) -> Result<i32, PercentError> {
    match value {
        IntOrString::Int(number) => Ok(*number),
        IntOrString::String(text) => {
            let percent = i64::from(percent(text)?);
            let product = percent * i64::from(total);
            let scaled = if round_up {
                product.div_euclid(100) + i64::from(product.rem_euclid(100) != 0)
            } else {
                product.div_euclid(100)
            };
            Ok(i32::try_from(scaled).unwrap_or(if scaled < 0 { i32::MIN } else { i32::MAX }))
        }
    }
}

/// The N of `N%`.
///
/// # Errors
/// Anything else.
pub fn percent(text: &str) -> Result<i32, PercentError> {
    let error = || {
        PercentError(format!(
            "invalid value for IntOrString: invalid type: string is not a percentage: {text:?}"
        ))
    };
    text.strip_suffix('%')
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(error)
}

/// As text: `5` or `50%`.
pub fn to_text(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}
