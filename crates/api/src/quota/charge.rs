//! What a write does to the quotas of its namespace.

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota};
use navarch_machinery::object::Object;
use navarch_machinery::quantity::Quantity;

use super::amounts::{Amounts, Texts, read, shown, text_of};
use super::resource::{Evaluator, Resource};
use super::{claims, pods, scopes};
use crate::strategy::Part;

/// A write of an object. Without `old` it is created, without `new` it is removed.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// What it is.
    pub resource: Resource<'a>,
    /// What is written of it.
    pub part: Part,
    /// What it will be.
    pub new: Option<&'a dyn Object>,
    /// What it was.
    pub old: Option<&'a dyn Object>,
}

/// What is used of a quota after a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// Which of the quotas it is.
    pub index: usize,
    /// Its `status.used`.
    pub used: Texts,
}

/// Why a quota does not let a write be. Its text is what Kubernetes says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a quota limits anything of a resource.
pub fn concerns(quota: &ResourceQuota, resource: Resource<'_>) -> bool {
    let limited = hard(quota).into_iter().flatten();
    limited
        .into_iter()
        .any(|(name, _)| resource.is_limited_by(name))
}

/// What a write does to quotas: those that it changes, with what is used of them then.
///
/// # Errors
/// If an object does not state what is limited, or the sum would be more than a quota has. A removal is never refused, nor is what is
/// written of a status.
pub fn charge(
    quotas: &[impl AsRef<ResourceQuota>],
    write: &Write<'_>,
    now: Timestamp,
) -> Result<Vec<Charge>, Refusal> {
    if !counts(write) {
        return Ok(Vec::new());
    }
    let is_about = |quota: &ResourceQuota, object: Option<&dyn Object>| {
        object.is_some_and(|object| scopes::has(quota, object))
    };
    let touched: Vec<Touched<'_>> = quotas
        .iter()
        .map(AsRef::as_ref)
        .enumerate()
        .filter(|(_, quota)| concerns(quota, write.resource))
        .map(|(index, quota)| Touched {
            index,
            quota,
            new: write.new.filter(|_| is_about(quota, write.new)),
            old: write.old.filter(|_| is_about(quota, write.old)),
        })
        .collect();
    for it in &touched {
        it.check_statement(write.resource)?;
    }
    let mut charges = Vec::new();
    for it in touched {
        charges.extend(it.charge(write, now)?);
    }
    Ok(charges)
}

/// Whether a write may change what is counted.
fn counts(write: &Write<'_>) -> bool {
    let (Some(new), Some(old)) = (write.new, write.old) else {
        return true;
    };
    match (write.resource.evaluator(), write.part) {
        (Evaluator::Pods, Part::Main) => match (pod(new), pod(old)) {
            (Some(new), Some(old)) => scopes::is_terminating(new) != scopes::is_terminating(old),
            _ => false,
        },
        (Evaluator::Pods, part) => part == Part::Other("resize"),
        (Evaluator::Services | Evaluator::DeviceClaims, part) => part == Part::Main,
        (Evaluator::Claims, Part::Main) => true,
        (Evaluator::Claims, Part::Status) => {
            let claim = |object: &'_ dyn Object| {
                object
                    .as_any()
                    .downcast_ref::<PersistentVolumeClaim>()
                    .cloned()
            };
            let both = claim(new).zip(claim(old));
            both.is_some_and(|(new, old)| claims::has_other_usage(&new, &old))
        }
        (Evaluator::Claims | Evaluator::Objects, _) => false,
    }
}

fn pod(object: &dyn Object) -> Option<&Pod> {
    object.as_any().downcast_ref()
}

fn hard(quota: &ResourceQuota) -> Option<&Texts> {
    quota.status.as_ref().and_then(|it| it.hard.as_ref())
}

/// A quota that concerns a written object, as it was or as it will be.
struct Touched<'a> {
    index: usize,
    quota: &'a ResourceQuota,
    new: Option<&'a dyn Object>,
    old: Option<&'a dyn Object>,
}

impl Touched<'_> {
    fn name(&self) -> &str {
        self.quota.metadata.name.as_deref().unwrap_or_default()
    }

    /// The object states what is limited, and the quota is known.
    fn check_statement(&self, resource: Resource<'_>) -> Result<(), Refusal> {
        let Some(new) = self.new else {
            return Ok(());
        };
        let limited = || {
            let names = hard(self.quota).into_iter().flatten();
            names
                .into_iter()
                .map(|(name, _)| name.as_str())
                .filter(|name| resource.is_limited_by(name))
        };
        let quota = self.name();
        if let Some(why) = pod(new).and_then(|pod| pods::unstated(pod, limited())) {
            return Err(Refusal(format!("failed quota: {quota}: {why}")));
        }
        let used = self.quota.status.as_ref().and_then(|it| it.used.as_ref());
        let is_known = |name: &str| used.is_some_and(|used| used.contains_key(name));
        if limited().all(is_known) {
            return Ok(());
        }
        let names: Vec<&str> = limited().collect();
        Err(Refusal(format!(
            "status unknown for quota: {quota}, resources: {}",
            names.join(",")
        )))
    }

    fn charge(&self, write: &Write<'_>, now: Timestamp) -> Result<Option<Charge>, Refusal> {
        let none = Texts::new();
        let hard = hard(self.quota).unwrap_or(&none);
        let delta = self.delta(write.resource, hard, now);
        if delta.is_empty() {
            return Ok(None);
        }
        let used = self.quota.status.as_ref().and_then(|it| it.used.as_ref());
        let used = used.unwrap_or(&none);
        let sum = |name: &str, more: Quantity| used.get(name).map(read).unwrap_or_default() + more;
        let exceeded: Vec<&String> = delta
            .iter()
            .filter(|(name, more)| {
                let most = hard.get(*name).map(read).unwrap_or_default();
                more.sign() > 0 && sum(name, **more) > most
            })
            .map(|(name, _)| name)
            .collect();
        if !exceeded.is_empty() && write.part != Part::Status {
            let names = || exceeded.iter().copied();
            return Err(Refusal(format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                self.name(),
                shown(names(), |name| delta[name].canonical()),
                shown(names(), |name| text_of(used, name)),
                shown(names(), |name| text_of(hard, name))
            )));
        }
        let mut after = used.clone();
        for (name, more) in delta {
            let sum = sum(&name, more);
            let least = if sum.sign() < 0 { Quantity::ZERO } else { sum };
            after.insert(name, least.into());
        }
        let index = self.index;
        Ok((after != *used).then_some(Charge { index, used: after }))
    }

    /// What is used more, or less, of what the quota limits.
    fn delta(&self, resource: Resource<'_>, hard: &Texts, now: Timestamp) -> Amounts {
        let usage = |object: Option<&dyn Object>| {
            object.map_or_else(Amounts::new, |object| resource.usage(object, now))
        };
        let mut delta = usage(self.new);
        for (name, amount) in usage(self.old) {
            *delta.entry(name).or_default() -= amount;
        }
        delta.retain(|name, amount| hard.contains_key(name) && !amount.is_zero());
        delta
    }
}
