//! Absent and empty are the same in Kubernetes' types: these read a field as if it were always there.

use std::collections::BTreeMap;

/// The text, or the empty one.
pub(crate) fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

/// The members, or none.
pub(crate) fn items<T>(value: &Option<Vec<T>>) -> &[T] {
    value.as_deref().unwrap_or_default()
}

/// The members, or none, to change.
pub(crate) fn items_mut<T>(value: &mut Option<Vec<T>>) -> &mut [T] {
    value.as_deref_mut().unwrap_or_default()
}

/// The entries, or none.
pub(crate) fn entries<V>(
    value: &Option<BTreeMap<String, V>>,
) -> impl Iterator<Item = (&String, &V)> {
    value.iter().flatten()
}

/// Whether it was said to be so.
pub(crate) fn flag(value: Option<bool>) -> bool {
    value == Some(true)
}

/// Sets a text that is absent or empty.
pub(crate) fn default_text(value: &mut Option<String>, default: &str) {
    if text(value).is_empty() {
        *value = Some(default.to_owned());
    }
}

/// Sets a number that is absent or zero.
pub(crate) fn default_number(value: &mut Option<i32>, default: i32) {
    if value.unwrap_or_default() == 0 {
        *value = Some(default);
    }
}
