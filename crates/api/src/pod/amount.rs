//! Quantities as they stand in objects. What is no quantity was refused when the object was read, and counts as nothing here.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use navarch_machinery::quantity::{Quantity, reemit};

fn read(text: &Text) -> Quantity {
    Quantity::try_from(text).unwrap_or_default()
}

/// Writes a quantity as Kubernetes does.
pub(crate) fn canonicalize(text: &mut Text) {
    if let Ok(Cow::Owned(canonical)) = reemit(&text.0) {
        text.0 = canonical;
    }
}

/// Writes amounts as Kubernetes does; what is finer than thousandths is rounded up to them.
pub(crate) fn round_list(list: &mut Option<BTreeMap<String, Text>>) {
    for text in list.iter_mut().flat_map(BTreeMap::values_mut) {
        let exact = read(text);
        let rounded = Quantity::from_milli(exact.milli_value());
        // Beyond the range of thousandths nothing is that fine.
        if rounded > exact {
            *text = rounded.into();
        } else {
            canonicalize(text);
        }
    }
}

/// The quantity as an error shows it.
pub(crate) fn shown(text: &Text) -> String {
    reemit(&text.0)
        .unwrap_or(Cow::Borrowed(&text.0))
        .into_owned()
}

/// The whole number of units, rounded up.
pub(crate) fn value(text: &Text) -> i64 {
    read(text).value()
}

/// Which is more.
pub(crate) fn compare(one: &Text, other: &Text) -> Ordering {
    read(one).cmp(&read(other))
}

/// The sum.
pub(crate) fn add(one: &Text, other: &Text) -> Text {
    (read(one) + read(other)).into()
}

/// Whether it is nothing.
pub(crate) fn is_zero(text: &Text) -> bool {
    read(text).is_zero()
}

/// Whether it is less than nothing.
pub(crate) fn is_negative(text: &Text) -> bool {
    read(text).sign() < 0
}

/// Whether it is more than nothing.
pub(crate) fn is_positive(text: &Text) -> bool {
    read(text).sign() > 0
}

/// Whether it is a whole number.
pub(crate) fn is_whole(text: &Text) -> bool {
    read(text).is_integer()
}

/// Whether it is a whole multiple of a whole, positive unit.
pub(crate) fn is_multiple(text: &Text, unit: &Text) -> bool {
    let unit = read(unit);
    unit.sign() > 0 && unit.is_integer() && read(text).value() % unit.value() == 0
}
