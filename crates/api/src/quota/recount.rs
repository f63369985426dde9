//! What all objects of a namespace come to, for a quota whose status is not known or may have drifted.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota, ResourceQuotaStatus};
use navarch_machinery::object::Object;

use super::amounts::{Amounts, Texts, read};
use super::{Resource, pods, scopes};

/// A count that is under way.
#[derive(Debug)]
pub struct Recount<'a> {
    quota: &'a ResourceQuota,
    sum: Amounts,
}

impl<'a> Recount<'a> {
    /// Begins to count what a quota's spec limits.
    pub fn new(quota: &'a ResourceQuota) -> Self {
        let limited = quota
            .spec
            .iter()
            .flat_map(|spec| spec.hard.iter().flatten());
        let sum = limited.map(|(name, _)| (name.clone(), Default::default()));
        Self {
            quota,
            sum: sum.collect(),
        }
    }

    /// Whether the objects of a resource have to be added.
    pub fn needs(&self, resource: Resource<'_>) -> bool {
        self.sum.keys().any(|name| resource.is_limited_by(name))
    }

    /// Adds an object.
    pub fn add(&mut self, resource: Resource<'_>, object: &dyn Object, now: Timestamp) {
        if !scopes::has(self.quota, object) {
            return;
        }
        for (name, amount) in resource.usage(object, now) {
            if let Some(sum) = self.sum.get_mut(&name) {
                *sum += amount;
            }
        }
    }

    /// The status that the quota should have, where it has another.
    pub fn status(self) -> Option<ResourceQuotaStatus> {
        let hard = self.quota.spec.as_ref().and_then(|spec| spec.hard.clone());
        let used: Texts = self
            .sum
            .into_iter()
            .map(|(name, sum)| (name, sum.into()))
            .collect();
        let wanted = ResourceQuotaStatus {
            hard: hard.filter(|hard| !hard.is_empty()),
            used: (!used.is_empty()).then_some(used),
        };
        let now = self.quota.status.clone().unwrap_or_default();
        let is_told = same(&now.hard, &wanted.hard) && same(&now.used, &wanted.used);
        (!is_told).then_some(wanted)
    }
}

/// Whether two lists have the same amounts, however they are written.
fn same(one: &Option<Texts>, other: &Option<Texts>) -> bool {
    let read = |list: &Option<Texts>| -> Amounts {
        let all = list.iter().flatten();
        all.map(|(name, text)| (name.clone(), read(text))).collect()
    };
    read(one) == read(other)
}

/// Whether a pod has come to less than it did: it has ended, or has been resized. Nothing else that happens to a pod in its status does
/// that.
pub fn frees(old: &Pod, new: &Pod, now: Timestamp) -> bool {
    let (old, new) = (pods::usage(old, now), pods::usage(new, now));
    old.iter().any(|(name, amount)| {
        let left = new.get(name).copied().unwrap_or_default();
        left < *amount
    })
}
