//! Resource quotas: what is used of them is counted from the objects themselves, when a quota is new or limits something else, when
//! pods end, and from time to time in case a count is wrong.
//!
//! Between counts the API server keeps what is used exact: every write that changes it changes the quota with it. So a count that
//! began after the quota was read holds if the quota has not changed when it is written; if it has, it is counted anew.

mod count;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_api::quota;
use navarch_client::{Backoff, Informer, ListOptions, ObjectKey, Queue};
use navarch_machinery::status::Result;

use crate::Context;

/// The quotas that are counted at a time. Kubernetes' `concurrent-resource-quota-syncs`.
const WORKERS: usize = 5;
/// How often all quotas are counted. Kubernetes' `resource-quota-sync-period`.
const RESYNC: Duration = Duration::from_secs(5 * 60);
/// How long to wait after a pod has ended before quotas are counted: many end at once.
const SETTLE: Duration = Duration::from_millis(50);

/// How long after a quota has begun to limit something it is counted once more: what was being written while it did not is there then.
const FIRST: Duration = Duration::from_secs(1);

/// The service account whose role it has.
const ACCOUNT: &str = "resourcequota-controller";

struct Counter {
    quotas: Informer<ResourceQuota>,
    context: Context,
    queue: Queue<ObjectKey>,
}

/// Counts quotas until it is time to stop, and returns when what was begun is done.
pub async fn run(quotas: Informer<ResourceQuota>, pods: Informer<Pod>, context: Context) {
    let stop = context.stop.clone();
    if stop.run_until_cancelled(quotas.synced()).await.is_none() {
        return;
    }
    let counter = Arc::new(Counter {
        quotas: quotas.clone(),
        context: context.of_account(ACCOUNT),
        queue: Queue::new(Backoff::CONTROLLER),
    });
    let it = counter.clone();
    quotas.on_change(move |old, new| {
        if let Some(new) = new.filter(|new| limits_anew(old.map(|old| &**old), new)) {
            it.queue.add(ObjectKey::of(&new.metadata));
        }
        if let Some(new) = new.filter(|new| begins(old.map(|old| &**old), new)) {
            it.queue.add_after(ObjectKey::of(&new.metadata), FIRST);
        }
    });
    let it = counter.clone();
    pods.on_change(move |old, new| {
        match (old, new) {
            (Some(old), Some(new)) => it.pod_changed(old, new),
            // Removed after its time, it counted for nothing already: whoever removed it gave nothing back.
            (Some(old), None) => it.pod_removed(old),
            _ => {}
        }
    });
    let again = stop.run_until_cancelled(counter.resync());
    let work = futures::future::join_all((0..WORKERS).map(|_| counter.work()));
    futures::future::join(again, work).await;
}

type Hard = Option<BTreeMap<String, Quantity>>;

/// What a quota is to limit.
fn limits(quota: &ResourceQuota) -> Hard {
    quota.spec.as_ref().and_then(|spec| spec.hard.clone())
}

/// What it does limit.
fn told(quota: &ResourceQuota) -> Hard {
    let status = quota.status.as_ref();
    status.and_then(|status| status.hard.clone())
}

/// Whether what a quota limits is not what its status tells of.
fn limits_anew(old: Option<&ResourceQuota>, new: &ResourceQuota) -> bool {
    limits(new) != told(new) || old.is_some_and(|old| limits(old) != limits(new))
}

/// Whether it limits from now on what it is to limit: who wrote before did not count it, and may be writing still.
fn begins(old: Option<&ResourceQuota>, new: &ResourceQuota) -> bool {
    limits(new) == told(new) && old.is_some_and(|old| told(old) != told(new))
}

impl Counter {
    /// A pod that is gone leaves room.
    fn pod_removed(&self, old: &Pod) {
        let namespace = old.metadata.namespace.as_deref().unwrap_or_default();
        for quota in self.quotas.snapshot().in_namespace(namespace) {
            self.queue.add_after(ObjectKey::of(&quota.metadata), SETTLE);
        }
    }

    /// A pod that has ended, or has less than before, leaves room in its namespace's quotas.
    fn pod_changed(&self, old: &Pod, new: &Pod) {
        let namespace = new.metadata.namespace.as_deref().unwrap_or_default();
        let quotas = self.quotas.snapshot();
        let mut quotas = quotas.in_namespace(namespace).peekable();
        let now = self.context.clock.now();
        if quotas.peek().is_none() || !quota::frees(old, new, now) {
            return;
        }
        for quota in quotas {
            self.queue.add_after(ObjectKey::of(&quota.metadata), SETTLE);
        }
    }

    async fn resync(&self) {
        loop {
            tokio::time::sleep(RESYNC).await;
            for key in self.quotas.snapshot().keys() {
                self.queue.add(key.clone());
            }
        }
    }

    async fn work(&self) {
        while let Some(key) = self.context.next(&self.queue).await {
            match self.recount(&key).await {
                Ok(()) => self.queue.forget(&key),
                Err(error) => {
                    tracing::debug!(quota = %key, %error, "will be tried again");
                    self.queue.retry(key.clone());
                }
            }
            self.queue.done(&key);
        }
    }

    /// Reads a quota, counts what it limits, and writes what is used where that is told otherwise. In this order: see the module.
    async fn recount(&self, key: &ObjectKey) -> Result<()> {
        let client = &self.context.client;
        // By a list: the role of this controller has no get.
        let one = ListOptions {
            namespace: key.namespace().map(str::to_owned),
            field_selector: format!("metadata.name={}", key.name),
            ..ListOptions::default()
        };
        let listed = client.list::<ResourceQuota>(&one).await?;
        let Some(quota) = listed.items.into_iter().next() else {
            return Ok(());
        };
        let now = self.context.clock.now();
        let Some(status) = count::count(client, &quota, &key.namespace, now).await? else {
            return Ok(());
        };
        let mut changed = (*quota).clone();
        changed.status = Some(status);
        match client.update_status(changed).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
