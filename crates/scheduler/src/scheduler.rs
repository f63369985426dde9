//! The loop: pods without a node are placed one after the other and bound side by side.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Binding, Node, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_api::call::{Body, PatchKind};
use navarch_api::def::Verb;
use navarch_client::{Backoff, Client, Clock, EventRecorder, EventType, Informer, ObjectKey};
use navarch_machinery::status::{Result, StatusError};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::index::ClusterIndex;
use crate::pending::Pending;
use crate::placement::place;
use crate::refusal::Unschedulable;

/// The scheduler that pods get which name none.
pub const NAME: &str = "default-scheduler";
/// The bindings that are under way at a time, at most.
const BINDING: u32 = 256;

/// How often is asked what became of a binding whose answer was lost: for some ten minutes.
const ASKED: u32 = 28;

/// What the scheduler works with.
pub struct Scheduler {
    /// How it calls.
    pub client: Client,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// All nodes.
    pub nodes: Informer<Node>,
    /// All pods.
    pub pods: Informer<Pod>,
}

#[derive(Default)]
struct State {
    index: ClusterIndex,
    pending: Pending,
    start: usize,
}

impl State {
    /// A pod is gone: what it held may help others.
    fn forget(&mut self, key: &ObjectKey) {
        self.pending.remove(key);
        if self.index.remove_pod(key) {
            self.pending.unpark();
        }
    }
}

struct Shell {
    scheduler: Scheduler,
    recorder: EventRecorder,
    state: Mutex<State>,
    changed: Notify,
    binding: Arc<Semaphore>,
}

/// Places pods until it is told to stop, and returns when none is being bound any more: what another scheduler does after that does not
/// meet bindings of this one. Where the future is dropped, those that are under way go on.
pub async fn run(scheduler: Scheduler, stop: CancellationToken) {
    let synced = async { tokio::join!(scheduler.nodes.synced(), scheduler.pods.synced()) };
    if stop.run_until_cancelled(synced).await.is_none() {
        return;
    }
    let recorder =
        EventRecorder::start(scheduler.client.clone(), NAME, "", scheduler.clock.clone());
    let shell = Arc::new(Shell {
        scheduler,
        recorder,
        state: Mutex::default(),
        changed: Notify::new(),
        binding: Arc::new(Semaphore::new(BINDING as usize)),
    });
    shell.clone().follow();
    stop.run_until_cancelled(shell.clone().place_all()).await;
    let _all = shell.binding.acquire_many(BINDING).await;
}

/// Whether a pod is ours to place.
fn awaits_node(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let gated = spec
        .scheduling_gates
        .as_ref()
        .is_some_and(|gates| !gates.is_empty());
    node_of(pod).is_none()
        && spec
            .scheduler_name
            .as_deref()
            .is_none_or(|name| name == NAME)
        && !gated
        && pod.metadata.deletion_timestamp.is_none()
        && !has_ended(pod)
}

/// The node that a pod is on; an empty name is none.
fn node_of(pod: &Pod) -> Option<&str> {
    let name = pod.spec.as_ref()?.node_name.as_deref()?;
    (!name.is_empty()).then_some(name)
}

/// Whether a change of a pod without a node could have it placed: a gate or a toleration more, a smaller request.
fn asks_otherwise(old: &Pod, new: &Pod) -> bool {
    old.spec != new.spec || old.metadata.labels != new.metadata.labels
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

impl Shell {
    /// Keeps the index and the waiting pods current, by event.
    fn follow(self: Arc<Self>) {
        let shell = Arc::downgrade(&self);
        self.scheduler.nodes.on_change(move |old, new| {
            let Some(shell) = shell.upgrade() else { return };
            let mut state = shell.state.lock();
            match (old, new) {
                (_, Some(node)) => {
                    state.index.put_node(node);
                    if old.is_none_or(|old| may_help(old, node)) {
                        state.pending.unpark();
                    }
                }
                (Some(node), None) => state
                    .index
                    .remove_node(node.metadata.name.as_deref().unwrap_or("")),
                (None, None) => {}
            }
            drop(state);
            shell.changed.notify_one();
        });
        let shell = Arc::downgrade(&self);
        self.scheduler.pods.on_change(move |old, new| {
            if let Some(shell) = shell.upgrade() {
                shell.pod_changed(old, new);
            }
        });
    }

    fn pod_changed(&self, old: Option<&Arc<Pod>>, new: Option<&Arc<Pod>>) {
        let Some(any) = new.or(old) else { return };
        let key = ObjectKey::of(&any.metadata);
        let mut state = self.state.lock();
        let replaced = old
            .zip(new)
            .is_some_and(|(old, new)| old.metadata.uid != new.metadata.uid);
        if replaced {
            // Another pod under the same name: nothing of the old one counts, not even that it was just being bound.
            state.forget(&key);
        }
        let node = new
            .filter(|pod| !has_ended(pod))
            .and_then(|pod| node_of(pod));
        match (new, node) {
            (Some(pod), Some(node)) => {
                state.pending.remove(&key);
                if !state.index.put_pod(&key, pod, node) && !replaced {
                    return;
                }
                state.pending.unpark();
            }
            (Some(pod), None) if awaits_node(pod) => {
                state.pending.add(&key, pod);
                if old.is_some_and(|old| asks_otherwise(old, pod)) {
                    state.pending.unpark_one(&key);
                }
            }
            _ => state.forget(&key),
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Places pods until the future is dropped.
    async fn place_all(self: Arc<Self>) {
        loop {
            let changed = self.changed.notified();
            while self.clone().place_next().await {}
            let wake = self.state.lock().pending.wake_at();
            match wake {
                Some(at) => {
                    let wait = Duration::try_from(at.duration_since(self.scheduler.clock.now()))
                        .unwrap_or(Duration::ZERO);
                    let _ = tokio::time::timeout(wait, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Tries the next pod; answers whether there was one.
    async fn place_next(self: Arc<Self>) -> bool {
        // A place for the binding first: what is decided must be carried out while it holds.
        let Ok(permit) = self.binding.clone().acquire_owned().await else {
            return false;
        };
        let now = self.scheduler.clock.now();
        let (key, pod, decision) = {
            let mut state = self.state.lock();
            let Some(key) = state.pending.next(now) else {
                return false;
            };
            // The informer may know more than its events have told yet.
            let Some(pod) = self.scheduler.pods.get(&key).filter(|pod| awaits_node(pod)) else {
                state.pending.remove(&key);
                return true;
            };
            let State {
                index,
                start,
                pending,
            } = &mut *state;
            let decision = place(index, &pod, start);
            match &decision {
                Ok(node) => {
                    index.put_pod(&key, &pod, node);
                }
                Err(_) => pending.refused(&key, true, now),
            }
            (key, pod, decision)
        };
        tokio::spawn(async move {
            match decision {
                Ok(node) => self.bind(&key, &pod, &node).await,
                Err(refusal) => self.refuse(&pod, &refusal, now).await,
            }
            drop(permit);
        });
        true
    }

    async fn bind(&self, key: &ObjectKey, pod: &Arc<Pod>, node: &str) {
        match self.call_binding(key, pod, node).await {
            // It stops waiting when the watch shows its node: an older event that still comes must not have it placed again.
            Ok(()) => {
                let message = format!("Successfully assigned {key} to {node}");
                self.recorder
                    .event(pod.as_ref(), EventType::Normal, "Scheduled", message);
            }
            Err(error) => {
                tracing::debug!(%key, node, %error, "a pod could not be bound");
                match self.bound_after_all(key, pod, &error).await {
                    Some(node) => drop(self.state.lock().index.put_pod(key, pod, &node)),
                    None => self.take_back(key, pod),
                }
            }
        }
    }

    /// The node that a pod has though its binding failed: it may be that only the answer was lost, and then its room is not free.
    async fn bound_after_all(
        &self,
        key: &ObjectKey,
        tried: &Pod,
        error: &StatusError,
    ) -> Option<String> {
        if error.code < 500 && !error.is_conflict() {
            return None;
        }
        for failures in 1..=ASKED {
            let there = self.scheduler.client.get::<Pod>(key.namespace(), &key.name);
            match there.await {
                Ok(there) if there.metadata.uid == tried.metadata.uid => {
                    return node_of(&there).map(str::to_owned);
                }
                Err(error) if error.code >= 500 => {
                    tokio::time::sleep(Backoff::REFLECTOR.after(failures)).await;
                }
                _ => return None,
            }
        }
        None
    }

    /// Gives up the place of a pod that could not be bound, unless it turns out to have a node.
    fn take_back(&self, key: &ObjectKey, tried: &Pod) {
        let mut state = self.state.lock();
        let now_there = self.scheduler.pods.get(key);
        match &now_there {
            // The event of the other pod forgets this one; what is held under the name by then is the other's.
            Some(pod) if pod.metadata.uid != tried.metadata.uid => return,
            Some(pod) if node_of(pod).is_some() => {
                state
                    .index
                    .put_pod(key, pod, node_of(pod).unwrap_or_default());
            }
            _ => {
                state.index.remove_pod(key);
                state
                    .pending
                    .refused(key, false, self.scheduler.clock.now());
            }
        }
        state.pending.unpark();
        drop(state);
        self.changed.notify_one();
    }

    async fn call_binding(
        &self,
        key: &ObjectKey,
        pod: &Pod,
        node: &str,
    ) -> Result<(), StatusError> {
        let binding = Binding {
            metadata: ObjectMeta {
                name: pod.metadata.name.clone(),
                namespace: pod.metadata.namespace.clone(),
                uid: pod.metadata.uid.clone(),
                ..Default::default()
            },
            target: ObjectReference {
                kind: Some("Node".into()),
                name: Some(node.to_owned()),
                ..Default::default()
            },
        };
        let body = Body::Object(Arc::new(binding));
        self.scheduler
            .client
            .subresource::<Pod>(Verb::Create, key.namespace(), &key.name, "binding", body)
            .await
            .map(drop)
    }

    async fn refuse(&self, pod: &Arc<Pod>, refusal: &Unschedulable, now: Timestamp) {
        let message = refusal.to_string();
        self.recorder.event(
            pod.as_ref(),
            EventType::Warning,
            "FailedScheduling",
            message.as_str(),
        );
        if already_said(pod, &message) {
            return;
        }
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            "lastProbeTime": null, "lastTransitionTime": k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now),
            "observedGeneration": pod.metadata.generation,
        });
        let patch =
            json!({"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}});
        let (namespace, name) = (
            pod.metadata.namespace.as_deref(),
            pod.metadata.name.as_deref().unwrap_or(""),
        );
        if let Err(error) = self
            .scheduler
            .client
            .patch_status::<Pod>(namespace, name, PatchKind::Strategic, patch)
            .await
        {
            tracing::debug!(name, %error, "that a pod has no node could not be noted on it");
        }
    }
}

fn already_said(pod: &Pod, message: &str) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    conditions.iter().any(|c| {
        c.type_ == "PodScheduled" && c.status == "False" && c.message.as_deref() == Some(message)
    })
}

/// Whether a change of a node could make room: more than its heartbeat changed.
fn may_help(old: &Node, new: &Node) -> bool {
    let capacity = |node: &Node| {
        node.status
            .as_ref()
            .and_then(|status| status.allocatable.clone())
    };
    old.spec != new.spec
        || old.metadata.labels != new.metadata.labels
        || capacity(old) != capacity(new)
}

#[cfg(test)]
mod tests;
