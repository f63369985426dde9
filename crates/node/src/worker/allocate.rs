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
        if self.memories.is_unallocated(uid) {
            let noted = Allocation::noted(asked, &self.view.of_pod(uid));
            self.memories.allocate(uid, noted);
            self.recall_resize(uid, asked);
        }
        let given = self.memories.allocated(uid, asked);
        let pending = self.memories.history(uid).pending_resize;
        if Arc::ptr_eq(&given, asked) {
            if pending.is_some() {
                // What it waited for was taken back.
                self.memories.change(uid, |h| h.pending_resize = None);
            }
            return given;
        }
        let ended = spec::is_terminal(asked) || asked.metadata.deletion_timestamp.is_some();
        let tried = pending.is_some_and(|p| p.generation == generation(asked));
        if ended || tried {
            return given;
        }
        self.retry_resizes();
        self.memories.allocated(uid, asked)
    }

    /// What an earlier run of the node was about.
    fn recall_resize(&self, uid: &str, pod: &Pod) {
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
    pub(super) fn retry_resizes(&self) {
        let _admitting = self.admitting.lock();
        let snapshot = self.pods.snapshot();
        let here =
            |pod: &&Arc<Pod>| !spec::is_terminal(pod) && self.memories.accepted(spec::uid(pod));
        // Each as it asks, and as it has.
        let all: Vec<(Arc<Pod>, Arc<Pod>)> = snapshot
            .iter()
            .filter(here)
            .map(|pod| {
                let newest = self.memories.newest(spec::uid(pod), pod.clone());
                let given = self.memories.allocated(spec::uid(pod), &newest);
                (newest, given)
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
