//! What volume claims come to: storage, in all and of each storage class, and themselves.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use navarch_machinery::quantity::{Format, Quantity};

use super::amounts::{Amounts, Texts, number, read};
use crate::core::persistent_volume::class;

const OF_CLASS: &str = ".storageclass.storage.k8s.io/";
const NAMES: &[&str] = &["persistentvolumeclaims", "requests.storage"];

/// `requests.storage`, and `gold.storageclass.storage.k8s.io/requests.storage`.
pub(super) fn is_about(name: &str) -> bool {
    let bare = name.rsplit_once(OF_CLASS).map_or(name, |(_, bare)| bare);
    NAMES.contains(&bare)
}

pub(super) fn usage(claim: &PersistentVolumeClaim) -> Amounts {
    let spec = claim.spec.as_ref();
    let field = spec.and_then(|spec| spec.storage_class_name.clone());
    let class = class(&claim.metadata, &field);
    let mut usage = Amounts::from([("persistentvolumeclaims".to_owned(), number(1))]);
    if let Some(storage) = storage(claim) {
        usage.insert("requests.storage".to_owned(), storage);
    }
    if !class.is_empty() {
        let of_class = usage
            .iter()
            .map(|(name, amount)| (format!("{class}{OF_CLASS}{name}"), *amount));
        usage.extend(of_class.collect::<Vec<_>>());
    }
    usage
}

/// What it asks for, or what it has been given where that is more, in whole bytes.
fn storage(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let of = |list: Option<&Texts>| list.and_then(|list| list.get("storage")).map(read);
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let asked = of(resources.and_then(|it| it.requests.as_ref()))?;
    let status = claim.status.as_ref();
    let given = of(status.and_then(|it| it.allocated_resources.as_ref()));
    let most = given.filter(|given| *given > asked).unwrap_or(asked);
    if most.is_integer() {
        return Some(most);
    }
    Some(Quantity::new(most.value(), Format::DecimalSi))
}

/// The volume attributes classes that a claim has, gets or asks for.
pub(super) fn attributes_classes(claim: &PersistentVolumeClaim) -> BTreeSet<&str> {
    let spec = claim.spec.as_ref();
    let status = claim.status.as_ref();
    let modified = status.and_then(|it| it.modify_volume_status.as_ref());
    [
        spec.and_then(|it| it.volume_attributes_class_name.as_deref()),
        status.and_then(|it| it.current_volume_attributes_class_name.as_deref()),
        modified.and_then(|it| it.target_volume_attributes_class_name.as_deref()),
    ]
    .into_iter()
    .flatten()
    .filter(|name| !name.is_empty())
    .collect()
}

/// Whether the status of a claim has changed in what counts.
pub(super) fn has_other_usage(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> bool {
    usage(new) != usage(old) || attributes_classes(new) != attributes_classes(old)
}
