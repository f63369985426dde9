//! Quotas in the transactions of the writes that they limit.
//!
//! A write that changes what is used of a quota puts the quota beside its object, on the condition that it has not changed: two such
//! writes at once are one too many. So those of a namespace are prepared in turns within this process, and committed together
//! ([`lane`]); what other processes write is met by trying again.

mod lane;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use k8s_openapi::api::core::v1::ResourceQuota;
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Op, Store};
use tokio::sync::OwnedMutexGuard;

use self::lane::{Charge, Lane, Preparing};
use super::commit::{self, Extra, Written};
use crate::ApiServer;
use crate::admission::{Charged, Refused, charge_quotas, is_limited};
use crate::encode::Encoded;
use crate::managed::Writer;
use crate::served::Served;

pub(crate) use self::lane::Pending;

/// Who writes what is used, for the managed fields.
const MANAGER: &str = "kube-apiserver";
/// The namespaces whose writes take turns apart from those of others. Some share one.
const LANES: usize = 64;

/// Who writes next in a namespace with quotas.
pub(crate) struct Turns {
    lanes: [Arc<Lane>; LANES],
    /// Which lane is a namespace's: nobody can know, and so choose a name that goes into another's.
    seed: RandomState,
}

impl Turns {
    pub(crate) fn new(store: &Arc<dyn Store>) -> Self {
        Self {
            lanes: std::array::from_fn(|_| Arc::new(Lane::new(store.clone()))),
            seed: RandomState::new(),
        }
    }
}

/// A write's turn to be written alone. It lasts until this is dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

/// What a creation waits for.
pub(super) enum Creating {
    /// For nothing: no quota limits it.
    Free,
    /// It goes together with others.
    Together(Preparing),
    /// It has lost a race, and goes alone.
    Alone { _turn: Turn },
}

impl ApiServer {
    fn lane(&self, served: &Served, namespace: &str) -> Result<Option<&Arc<Lane>>> {
        let snapshot = self.store.snapshot();
        if !is_limited(&self.directory, &*snapshot, served, namespace)? {
            return Ok(None);
        }
        let lane = self.turns.seed.hash_one(namespace) % LANES as u64;
        let lane = usize::try_from(lane).unwrap_or_default();
        Ok(Some(&self.turns.lanes[lane]))
    }

    /// Waits for a turn where quotas limit the resource in the namespace. It is to be held until the write is done.
    pub(super) async fn quota_turn(
        &self,
        served: &Served,
        namespace: &str,
    ) -> Result<Option<Turn>> {
        Ok(match self.lane(served, namespace)? {
            Some(lane) => Some(lane.alone().await),
            None => None,
        })
    }

    /// The same for something that is made: together with others, unless it has lost a race already.
    pub(super) async fn creation_turn(
        &self,
        served: &Served,
        namespace: &str,
        is_first: bool,
    ) -> Result<Creating> {
        Ok(match self.lane(served, namespace)? {
            None => Creating::Free,
            Some(lane) if is_first => Creating::Together(lane.prepare().await),
            Some(lane) => Creating::Alone {
                _turn: lane.alone().await,
            },
        })
    }

    /// Puts an object that is not there yet, with what it uses of quotas, when its turn has come.
    pub(super) async fn put_charged(
        &self,
        turn: Creating,
        key: &str,
        encoded: Encoded,
        (mut extra, charged): (Extra, Vec<Charged>),
    ) -> Result<Written> {
        let absent = Compare::Absent(key.into());
        let Creating::Together(turn) = turn else {
            self.charge(charged, &mut extra)?;
            return self.put(key, encoded, absent, extra).await;
        };
        let charges = self.charges(charged)?;
        let put = Op::Put {
            key: key.into(),
            value: encoded.value,
            stamp: Some(encoded.stamp),
        };
        let compare = std::iter::once(absent).chain(extra.compare).collect();
        let ops = std::iter::once(put).chain(extra.ops).collect();
        turn.commit(compare, ops, charges).await
    }

    /// Adds quotas with what is used of them to a transaction.
    pub(super) fn charge(&self, charged: Vec<Charged>, extra: &mut Extra) -> Result<()> {
        for charge in self.charges(charged)? {
            let entry = &charge.entry;
            let unchanged = Compare::Modified(entry.key.clone(), entry.modified);
            extra.compare.push(unchanged);
            extra.ops.push(charge.op());
        }
        Ok(())
    }

    fn charges(&self, charged: Vec<Charged>) -> Result<Vec<Charge>> {
        if charged.is_empty() {
            return Ok(Vec::new());
        }
        let missing = || StatusError::internal("there are no quotas");
        let served = self.directory.of::<ResourceQuota>().ok_or_else(missing)?;
        let charges = charged.into_iter().map(|charged| {
            let Charged {
                entry,
                is_pending,
                mut quota,
            } = charged;
            let kept = Arc::new(quota.clone());
            let writer = Writer::new(MANAGER, "", &served.api_version, "status", self.clock.now());
            let managed =
                self.updated_managers(served, &writer, Part::Status, Some(&entry), &quota, None);
            let Encoded { value, stamp } = commit::to_stored(served, &mut quota, &managed)?;
            Ok(Charge {
                entry,
                is_pending,
                quota: kept,
                value,
                stamp,
            })
        });
        charges.collect()
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
            (&*snapshot, &Pending::new()),
            (served, namespace),
            (Part::Main, None, Some(object)),
            self.clock.now(),
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
