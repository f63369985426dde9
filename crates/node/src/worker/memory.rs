//! What the node remembers of its pods while it runs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::allocation::Allocation;
use crate::lifecycle::{History, ProbeKey, StartFailure};

/// What is remembered of one pod.
#[derive(Default)]
pub(super) struct Memory {
    /// The pod as it was last seen.
    pod: Option<Arc<Pod>>,
    history: History,
    looked_at: bool,
    /// What it was given of the node.
    allocation: Option<Allocation>,
    /// Gives up what is being started.
    start: Option<CancellationToken>,
    stops: HashMap<String, AbortHandle>,
    probes: HashMap<ProbeKey, AbortHandle>,
}

/// By uid. Holds an entry for each pod of the node until it is gone.
#[derive(Default)]
pub(super) struct Memories {
    pods: Mutex<HashMap<String, Memory>>,
}

impl Memories {
    fn with<R>(&self, uid: &str, look: impl FnOnce(&mut Memory) -> R) -> R {
        let mut pods = self.pods.lock();
        if !pods.contains_key(uid) {
            pods.insert(uid.to_owned(), Memory::default());
        }
        // Just put there if it was not.
        match pods.get_mut(uid) {
            Some(memory) => look(memory),
            None => look(&mut Memory::default()),
        }
    }

    pub(super) fn knows(&self, uid: &str) -> bool {
        self.pods.lock().contains_key(uid)
    }

    pub(super) fn history(&self, uid: &str) -> History {
        self.with(uid, |m| m.history.clone())
    }

    /// The containers that could not be started, and why.
    pub(super) fn failures(&self, uid: &str) -> BTreeMap<String, StartFailure> {
        let pods = self.pods.lock();
        let known = pods.get(uid).map(|m| m.history.failures.clone());
        known.unwrap_or_default()
    }

    pub(super) fn change(&self, uid: &str, change: impl FnOnce(&mut History)) {
        self.with(uid, |m| change(&mut m.history));
    }

    /// Whether it was not looked at yet.
    pub(super) fn is_new(&self, uid: &str) -> bool {
        self.with(uid, |m| !m.looked_at)
    }

    /// Whether it was not looked at before; it is from now on.
    pub(super) fn first_look(&self, uid: &str) -> bool {
        self.with(uid, |m| !std::mem::replace(&mut m.looked_at, true))
    }

    /// Whether the pod was looked at and not refused.
    pub(super) fn accepted(&self, uid: &str) -> bool {
        self.pods
            .lock()
            .get(uid)
            .is_some_and(|m| m.looked_at && m.history.refusal.is_none())
    }

    /// Whether nothing is known yet of what the pod was given.
    pub(super) fn is_unallocated(&self, uid: &str) -> bool {
        self.with(uid, |m| m.allocation.is_none())
    }

    pub(super) fn allocate(&self, uid: &str, allocation: Allocation) {
        self.with(uid, |m| m.allocation = Some(allocation));
    }

    /// The pod with what it was given in place of what it asks for.
    pub(super) fn allocated(&self, uid: &str, pod: &Arc<Pod>) -> Arc<Pod> {
        let pods = self.pods.lock();
        match pods.get(uid).and_then(|m| m.allocation.as_ref()) {
            Some(allocation) => allocation.applied(pod),
            None => pod.clone(),
        }
    }

    /// The newer of the given object and the one that was last written or seen, which it becomes.
    pub(super) fn newest(&self, uid: &str, pod: Arc<Pod>) -> Arc<Pod> {
        self.with(uid, |m| {
            let newer = match &m.pod {
                Some(known) if version(known) > version(&pod) => known.clone(),
                _ => pod,
            };
            m.pod = Some(newer.clone());
            newer
        })
    }

    /// The pod as it was last seen.
    pub(super) fn last_seen(&self, uid: &str) -> Option<Arc<Pod>> {
        self.pods.lock().get(uid)?.pod.clone()
    }

    pub(super) fn remember(&self, uid: &str, pod: Arc<Pod>) {
        self.with(uid, |m| m.pod = Some(pod));
    }

    /// A token for what is being started now.
    pub(super) fn begin_start(&self, uid: &str, container: &str) -> CancellationToken {
        self.with(uid, |m| {
            let token = CancellationToken::new();
            m.start = Some(token.clone());
            m.history.starting = Some((container.to_owned(), None));
            token
        })
    }

    pub(super) fn end_start(&self, uid: &str, end: impl FnOnce(&mut History)) {
        self.with(uid, |m| {
            m.start = None;
            m.history.starting = None;
            end(&mut m.history);
        });
    }

    pub(super) fn give_up_start(&self, uid: &str) {
        self.with(uid, |m| {
            if let Some(start) = &m.start {
                start.cancel();
            }
        });
    }

    /// Remembers a stop; one with more patience is given up for it.
    pub(super) fn begin_stop(&self, uid: &str, id: &str, deadline: Timestamp, task: AbortHandle) {
        self.with(uid, |m| {
            m.history.stopping.insert(id.to_owned(), deadline);
            if let Some(before) = m.stops.insert(id.to_owned(), task) {
                before.abort();
            }
        });
    }

    pub(super) fn end_stop(&self, uid: &str, id: &str) {
        self.with(uid, |m| {
            m.history.stopping.remove(id);
            m.stops.remove(id);
        });
    }

    /// Ends all probes but these; those of them that do not run yet are given back.
    pub(super) fn keep_probes(&self, uid: &str, wanted: &[ProbeKey]) -> Vec<ProbeKey> {
        self.with(uid, |m| {
            m.probes.retain(|key, task| {
                let keep = wanted.contains(key);
                if !keep {
                    task.abort();
                }
                keep
            });
            wanted
                .iter()
                .filter(|key| !m.probes.contains_key(key))
                .cloned()
                .collect()
        })
    }

    pub(super) fn put_probe(&self, uid: &str, key: ProbeKey, task: AbortHandle) {
        self.with(uid, |m| m.probes.insert(key, task));
    }

    pub(super) fn forget(&self, uid: &str) {
        if let Some(memory) = self.pods.lock().remove(uid) {
            memory
                .probes
                .values()
                .chain(memory.stops.values())
                .for_each(AbortHandle::abort);
        }
    }
}

fn version(pod: &Pod) -> u64 {
    pod.metadata
        .resource_version
        .as_deref()
        .and_then(|v| v.parse().ok())
        .unwrap_or(0)
}
