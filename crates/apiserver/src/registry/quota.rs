//! Quotas in the transactions of the writes that they limit.
//!
//! A write that changes what is used of a quota puts the quota beside its object, on the condition that it has not changed: two such
//! writes at once are one too many. So those of a namespace take turns within this process, and what other processes write is met
//! by trying again.

use std::hash::{BuildHasher, RandomState};

use k8s_openapi::api::core::v1::ResourceQuota;
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Op};
use tokio::sync::{Mutex, MutexGuard};

use super::commit::{self, Extra};
use crate::ApiServer;
use crate::admission::{Charged, Refused, charge_quotas, is_limited};
use crate::managed::Writer;
use crate::served::Served;

/// Who writes what is used, for the managed fields.
const MANAGER: &str = "kube-apiserver";
/// The namespaces whose writes take turns apart from those of others. Some share one.
const LANES: usize = 64;

/// Who writes next in a namespace with quotas.
pub(crate) struct Turns {
    lanes: [Mutex<()>; LANES],
    /// Which lane is a namespace's: nobody can know, and so choose a name that goes into another's.
    seed: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            lanes: std::array::from_fn(|_| Mutex::new(())),
            seed: RandomState::new(),
        }
    }
}

/// A write's turn. It lasts until this is dropped.
pub(super) type Turn<'a> = MutexGuard<'a, ()>;

impl ApiServer {
    /// Waits for a turn where quotas limit the resource in the namespace. It is to be held until the write is done.
    pub(super) async fn quota_turn(
        &self,
        served: &Served,
        namespace: &str,
    ) -> Result<Option<Turn<'_>>> {
        let snapshot = self.store.snapshot();
        if !is_limited(&self.directory, &*snapshot, served, namespace)? {
            return Ok(None);
        }
        let lane = self.turns.seed.hash_one(namespace) % LANES as u64;
        let lane = usize::try_from(lane).unwrap_or_default();
        Ok(Some(self.turns.lanes[lane].lock().await))
    }

    /// Adds quotas with what is used of them to a transaction.
    pub(super) fn charge(&self, charged: Vec<Charged>, extra: &mut Extra) -> Result<()> {
        if charged.is_empty() {
            return Ok(());
        }
        let missing = || StatusError::internal("there are no quotas");
        let served = self.directory.of::<ResourceQuota>().ok_or_else(missing)?;
        for Charged { entry, mut quota } in charged {
            let writer = Writer::new(MANAGER, "", &served.api_version, "status");
            let managed =
                self.updated_managers(served, &writer, Part::Status, Some(&entry), &quota, None);
            let encoded = commit::to_stored(served, &mut quota, &managed)?;
            let unchanged = Compare::Modified(entry.key.clone(), entry.modified);
            extra.compare.push(unchanged);
            extra.ops.push(Op::Put {
                key: entry.key.clone(),
                value: encoded.value,
                stamp: Some(encoded.stamp),
            });
        }
        Ok(())
    }

    /// Adds to a transaction that removes an object the quotas that it counted for.
    pub(super) fn discharge(
        &self,
        served: &Served,
        object: &dyn Object,
        extra: &mut Extra,
    ) -> Result<()> {
        let snapshot = self.store.snapshot();
        let namespace = object.metadata().namespace.as_deref().unwrap_or_default();
        let charged = charge_quotas(
            &self.directory,
            &*snapshot,
            (served, namespace),
            (Part::Main, None, Some(object)),
        );
        match charged {
            Ok(mut charged) => {
                // A quota that counts itself goes with what it says.
                let own = &object.metadata().uid;
                charged.retain(|it| it.quota.metadata.uid != *own);
                self.charge(charged, extra)
            }
            // No quota refuses that something goes.
            Err(Refused::Quota(_)) => Ok(()),
            Err(Refused::Internal(error)) => Err(error),
        }
    }
}
