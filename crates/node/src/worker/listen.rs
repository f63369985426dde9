//! What pods are looked at for: changes of theirs, and of the endpoint slices that name them.

use std::sync::Arc;

use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_api::endpoints_applied::Everywhere;
use navarch_client::{Index, ObjectKey};

use super::Worker;
use super::departures::{departures, named, targets};
use crate::lifecycle::InService;
use crate::spec;

/// Endpoint slices by the uids of the pods that they send traffic to, or did until these began to end.
pub(crate) const BY_TARGET: Index<EndpointSlice> = Index {
    name: "target",
    values: named,
};

impl Worker {
    /// Has pods looked at whenever something of them changes.
    pub(crate) fn listen(self: &Arc<Self>) {
        let worker = Arc::downgrade(self);
        self.pods.on_change(move |old, new| {
            let Some(worker) = worker.upgrade() else {
                return;
            };
            for pod in old.into_iter().chain(new) {
                worker.queue.add(spec::uid(pod).to_owned());
            }
        });
        let worker = Arc::downgrade(self);
        self.everywhere.on_change(move |_, new| {
            if let Some(worker) = worker.upgrade() {
                let said = new.and_then(|map| Everywhere::read(map));
                worker.withdrawals.hear(said);
            }
        });
        let worker = Arc::downgrade(self);
        self.slices.on_change(move |old, new| {
            let Some(worker) = worker.upgrade() else {
                return;
            };
            let Some(slice) = new.or(old).map(|slice| ObjectKey::of(&slice.metadata)) else {
                return;
            };
            let targets = new.map(|slice| targets(slice)).unwrap_or_default();
            worker.withdrawals.come(&targets, &slice);
            // Only those that leave matter: their containers may be told to stop soon.
            let leaving = departures(old, new);
            if leaving.is_empty() {
                return;
            }
            // One that a new list has no more went at that list's revision at the latest.
            let revision = match new {
                Some(slice) => revision_of(slice),
                None => old
                    .map_or(0, |slice| revision_of(slice))
                    .max(worker.slices.snapshot().revision()),
            };
            worker.withdrawals.await_all(revision);
            for uid in leaving {
                if worker.memories.knows(&uid) {
                    worker.withdrawals.leaves(&uid, &slice, revision);
                    worker.queue.add(uid);
                }
            }
        });
    }

    /// Whether an endpoint slice sends a pod traffic, or some node's rules do that have not followed the slices yet.
    pub(super) fn in_service(&self, uid: &str) -> Option<InService> {
        let slices = self.slices.snapshot();
        for slice in slices.by_index(BY_TARGET, uid) {
            if targets(slice).iter().any(|target| target == uid) {
                return Some(InService::Slice);
            }
            // Seen here before the handler has told of it, or before this agent started.
            let key = ObjectKey::of(&slice.metadata);
            self.withdrawals.leaves(uid, &key, revision_of(slice));
        }
        let rules = || InService::Rules(self.withdrawals.slowest(&self.options.name));
        self.withdrawals.is_served(uid).then(rules)
    }
}

fn revision_of(slice: &EndpointSlice) -> u64 {
    let version = slice.metadata.resource_version.as_ref();
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}
