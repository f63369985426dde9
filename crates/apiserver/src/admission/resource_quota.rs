//! ResourceQuota: what the objects of a namespace come to stays within its quotas.
//!
//! What a write does to quotas is [`navarch_api::quota`]'s to say. Here it becomes part of the write's own transaction: the quotas
//! with what is used of them then, each on the condition that it is still as it was. So of two writes that would both fit, and not
//! together, one is told so, whichever servers they come through.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ResourceQuota as Quota;
use navarch_api::quota::{Resource, Write, charge, concerns};
use navarch_api::strategy::Part;
use navarch_machinery::object::{Object, downcast};
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Entry, Snapshot};

use super::{Admitted, Attributes, Charged, Layer, Operation};
use crate::registry::Pending;
use crate::served::{Directory, Served};

pub(super) struct ResourceQuota;

impl Layer for ResourceQuota {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        admitted: &mut Admitted,
    ) -> Result<()> {
        let part = match attributes.operation {
            Operation::Create => Part::Main,
            Operation::Update(part) => part,
            // An object counts until it is gone, and that is not now: see `registry/quota`.
            Operation::Delete => return Ok(()),
        };
        let charged = charge_quotas(
            attributes.directory,
            (&*attributes.snapshot, attributes.pending),
            (attributes.served, attributes.namespace),
            (part, Some(object), old),
            attributes.now,
        );
        match charged {
            Ok(charged) => {
                admitted.charged.extend(charged);
                Ok(())
            }
            Err(Refused::Quota(why)) => {
                let def = &attributes.served.def;
                let name = object.metadata().name.as_deref().unwrap_or_default();
                Err(StatusError::forbidden(&def.group, &def.plural, name, &why))
            }
            Err(Refused::Internal(error)) => Err(error),
        }
    }
}

/// Why quotas cannot be charged.
#[derive(Debug)]
pub(crate) enum Refused {
    /// One says no. Holds Kubernetes' words.
    Quota(String),
    /// One cannot be read.
    Internal(StatusError),
}

/// The quotas of a namespace that a write changes, with what is used of them then. `pending`: what they will be when all is there that is
/// on its way. Of the object: what is written, what it will be
/// and what it was.
pub(crate) fn charge_quotas(
    directory: &Directory,
    (snapshot, pending): (&dyn Snapshot, &Pending),
    (served, namespace): (&Served, &str),
    (part, new, old): (Part, Option<&dyn Object>, Option<&dyn Object>),
    now: Timestamp,
) -> std::result::Result<Vec<Charged>, Refused> {
    let Some(resource) = Resource::counted(&served.def) else {
        return Ok(Vec::new());
    };
    let quotas = quotas(directory, snapshot, namespace).map_err(Refused::Internal)?;
    if quotas.is_empty() {
        return Ok(Vec::new());
    }
    let quotas = quotas.into_iter().map(|(entry, quota)| {
        let link = pending.get(&entry.key);
        let pending = link.and_then(|link| link.quota(&entry)).cloned();
        let is_pending = pending.is_some();
        ((entry, is_pending), pending.unwrap_or(quota))
    });
    let (entries, quotas): (Vec<(Arc<Entry>, bool)>, Vec<_>) = quotas.unzip();
    let write = Write {
        resource,
        part,
        new,
        old,
    };
    let charges =
        charge(&quotas, &write, now).map_err(|refusal| Refused::Quota(refusal.to_string()))?;
    let pairs: Vec<_> = entries.into_iter().zip(quotas).collect();
    let charged = charges.into_iter().filter_map(|charge| {
        let ((entry, is_pending), quota) = pairs.get(charge.index)?;
        let mut quota = (**quota).clone();
        quota.status.get_or_insert_default().used = Some(charge.used);
        Some(Charged {
            entry: entry.clone(),
            is_pending: *is_pending,
            quota,
        })
    });
    Ok(charged.collect())
}

/// Whether any quota of a namespace limits objects of a resource.
pub(crate) fn is_limited(
    directory: &Directory,
    snapshot: &dyn Snapshot,
    served: &Served,
    namespace: &str,
) -> Result<bool> {
    let Some(resource) = Resource::counted(&served.def) else {
        return Ok(false);
    };
    let quotas = quotas(directory, snapshot, namespace)?;
    Ok(quotas.iter().any(|(_, quota)| concerns(quota, resource)))
}

fn quotas(
    directory: &Directory,
    snapshot: &dyn Snapshot,
    namespace: &str,
) -> Result<Vec<(Arc<Entry>, Arc<Quota>)>> {
    let Some(served) = directory.of::<Quota>().filter(|_| !namespace.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut entries = Vec::new();
    snapshot.scan(&served.scope_prefix(namespace), None, &mut |entry| {
        entries.push(entry.clone());
        true
    });
    let mut quotas = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(quota) = downcast::<Quota>(served.decode(&entry)?) {
            quotas.push((entry, quota));
        }
    }
    Ok(quotas)
}
