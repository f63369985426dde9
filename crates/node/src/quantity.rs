//! Kubernetes quantities as the whole numbers that the kernel takes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_machinery::quantity::Quantity as Exact;

/// Resources by name, as in a container's requests.
pub(crate) type ResourceList = BTreeMap<String, Quantity>;

/// The quantity in thousandths, rounded up; `None` where it is no quantity.
pub(crate) fn milli(quantity: &Quantity) -> Option<i64> {
    Exact::parse(&quantity.0)
        .ok()
        .map(|exact| exact.milli_value())
}

/// The quantity in units, rounded up; `None` where it is no quantity.
pub(crate) fn units(quantity: &Quantity) -> Option<i64> {
    Exact::parse(&quantity.0).ok().map(|exact| exact.value())
}

/// The named resource of a list in thousandths; 0 where it is not there.
pub(crate) fn milli_of(list: Option<&ResourceList>, name: &str) -> i64 {
    list.and_then(|list| list.get(name))
        .and_then(milli)
        .unwrap_or(0)
}

/// The named resource of a list in units; 0 where it is not there.
pub(crate) fn units_of(list: Option<&ResourceList>, name: &str) -> i64 {
    list.and_then(|list| list.get(name))
        .and_then(units)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_up() {
        assert_eq!(units(&Quantity("100m".into())), Some(1));
        assert_eq!(milli(&Quantity("0.5".into())), Some(500));
        assert_eq!(units(&Quantity("x".into())), None);
    }
}
