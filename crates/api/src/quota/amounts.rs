//! Amounts by the names under which quotas have them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use navarch_machinery::quantity::{Format, Quantity};

use crate::pod::amount;

/// Exact amounts by name.
pub(super) type Amounts = BTreeMap<String, Quantity>;
/// Amounts as they stand in objects.
pub(super) type Texts = BTreeMap<String, Text>;

/// A number of things.
pub(super) fn number(count: usize) -> Quantity {
    Quantity::new(i64::try_from(count).unwrap_or(i64::MAX), Format::DecimalSi)
}

pub(super) fn read(text: &Text) -> Quantity {
    Quantity::try_from(text).unwrap_or_default()
}

/// `cpu=1,pods=2`, of some names.
pub(super) fn shown<'a>(
    names: impl IntoIterator<Item = &'a String>,
    of: impl Fn(&str) -> String,
) -> String {
    let shown: Vec<String> = names
        .into_iter()
        .map(|name| format!("{name}={}", of(name)))
        .collect();
    shown.join(",")
}

/// How a list has an amount; nothing where it has none.
pub(super) fn text_of(list: &Texts, name: &str) -> String {
    list.get(name).map_or("0".to_owned(), amount::shown)
}
