//! What pods are given of the node, and when.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use navarch_client::EventType;

use super::Worker;
use crate::allocation::{Allocation, precedence};
use crate::lifecycle::{PendingResize, Resizing, resize_told};
use crate::{admission, spec};

impl Worker {
    /// The pod with what it was given in place of what it asks for.
    pub(super) fn allocate(&self, uid: &str, asked: &Arc<Pod>) -> Arc<Pod> {
        self.recall(uid, asked);
        let given = self.memories.allocated(uid, asked);
        let whole = Arc::ptr_eq(&given, asked);
        let mut tried = false;
        self.memories.change(uid, |h| {
            // What it waited for may have been taken back.
            h.pending_resize.take_if(|_| whole);
            let pending = h.pending_resize.as_ref();
            tried = pending.is_some_and(|p| p.generation == generation(asked));
        });
        let ended = spec::is_terminal(asked) || asked.metadata.deletion_timestamp.is_some();
        if whole || ended || tried {
            return given;
        }
        self.retry_resizes();
        self.memories.allocated(uid, asked)
    }

    /// Takes up what an earlier run of the node has given to the pods that it ran: all of them, before any of them is given more.
    pub(crate) fn recall_all(&self) {
        for pod in self.pods.snapshot().iter() {
            let uid = spec::uid(pod);
            if !spec::is_terminal(pod) && !self.view.of_pod(uid).sandboxes.is_empty() {
                self.memories.first_look(uid);
                self.recall(uid, pod);
            }
        }
    }

    /// What an earlier run of the node has given the pod, and what it was about; once.
    fn recall(&self, uid: &str, pod: &Pod) {
        if !self.memories.is_unallocated(uid) {
            return;
        }
        let noted = Allocation::noted(pod, &self.view.of_pod(uid));
        self.memories.allocate(uid, noted);
        let Some(told) = spec::condition(pod, "PodResizeInProgress") else {
            return;
        };
        let resizing = Resizing {
            generation: told.observed_generation.unwrap_or_default(),
            error: told.message.clone().unwrap_or_default(),
            retry_at: None,
        };
        self.memories.change(uid, |h| h.resizing = Some(resizing));
    }

    /// Gives the pods that wait for other resources what there is room for by now, in their order, and queues those for which
    /// something has changed.
    pub(crate) fn retry_resizes(&self) {
        let _admitting = self.admitting.lock();
        let snapshot = self.pods.snapshot();
        // Each as it asks, and as it has.
        let all: Vec<(Arc<Pod>, Arc<Pod>)> = snapshot
            .iter()
            .filter(|pod| self.memories.accepted(spec::uid(pod)))
            .map(|pod| self.memories.newest(spec::uid(pod), pod.clone()))
            .filter(|pod| !spec::is_terminal(pod))
            .map(|pod| {
                let given = self.memories.allocated(spec::uid(&pod), &pod);
                (pod, given)
            })
            .collect();
        let waits = |(asks, has): &&(Arc<Pod>, Arc<Pod>)| {
            !Arc::ptr_eq(asks, has) && asks.metadata.deletion_timestamp.is_none()
        };
        let mut waiting: Vec<_> = all.iter().filter(waits).collect();
        waiting.sort_by(|a, b| precedence((&a.0, &a.1), (&b.0, &b.1)));
        let allocatable = self.capacity.lock().allocatable.clone();
        for (asks, _) in waiting {
            let uid = spec::uid(asks);
            let others: Vec<Arc<Pod>> = all
                .iter()
                .filter(|(other, _)| spec::uid(other) != uid)
                .map(|(other, _)| self.memories.allocated(spec::uid(other), other))
                .collect();
            let others: Vec<&Arc<Pod>> = others.iter().collect();
            let changed = match admission::lacks(asks, &others, &allocatable) {
                None => self.give(uid, asks),
                Some(shortage) => self.defer(uid, asks, &shortage.to_string()),
            };
            if changed {
                self.queue.add(uid.to_owned());
            }
        }
    }

    fn give(&self, uid: &str, pod: &Pod) -> bool {
        let generation = generation(pod);
        self.memories.allocate(uid, Allocation::asked(pod));
        self.memories.change(uid, |h| {
            h.pending_resize = None;
            h.resizing = Some(Resizing {
                generation,
                ..Resizing::default()
            });
        });
        let message = resize_told("started", pod, generation, "");
        self.events
            .event(pod, EventType::Normal, "ResizeStarted", message);
        true
    }

    fn defer(&self, uid: &str, pod: &Pod, message: &str) -> bool {
        let generation = generation(pod);
        let pending = PendingResize {
            message: message.to_owned(),
            generation,
        };
        let mut before = None;
        self.memories.change(uid, |h| {
            before = h.pending_resize.replace(pending.clone());
        });
        if before.as_ref().is_none_or(|b| b.generation != generation) {
            let message = resize_told("Deferred", pod, generation, message);
            self.events
                .event(pod, EventType::Warning, "ResizeDeferred", message);
        }
        before != Some(pending)
    }
}

fn generation(pod: &Pod) -> i64 {
    pod.metadata.generation.unwrap_or_default()
}
