//! Counts that may be given as a share: `3` or `25%`.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_valid_percent;

use crate::check::non_negative;
use crate::shown::json;

/// A number that is not negative, or a percentage.
pub(crate) fn number_or_percent(value: &IntOrString, path: &Path) -> ErrorList {
    match value {
        IntOrString::Int(number) => non_negative(i64::from(*number), path),
        IntOrString::String(text) => is_valid_percent(text)
            .into_iter()
            .map(|words| Error::invalid(path, text.as_str(), words))
            .collect(),
    }
}

/// Not more than all.
pub(crate) fn at_most_all(value: &IntOrString, path: &Path) -> ErrorList {
    if percent(value).is_none_or(|percent| percent <= 100) {
        return ErrorList::new();
    }
    vec![Error::invalid(
        path,
        json(value),
        "must not be greater than 100%",
    )]
}

/// The number of either form; a text that is neither is nothing.
pub(crate) fn amount(value: &IntOrString) -> i64 {
    match value {
        IntOrString::Int(number) => i64::from(*number),
        IntOrString::String(text) => percent(value)
            .or_else(|| text.parse().ok())
            .unwrap_or_default(),
    }
}

/// What is not there is none.
pub(crate) fn or_zero(value: &Option<IntOrString>) -> IntOrString {
    value.clone().unwrap_or(IntOrString::Int(0))
}

fn percent(value: &IntOrString) -> Option<i64> {
    match value {
        IntOrString::String(text) if is_valid_percent(text).is_empty() => {
            Some(text.trim_end_matches('%').parse().unwrap_or(i64::MAX))
        }
        _ => None,
    }
}
