//! Begins what a plan says.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use navarch_client::EventType;

use super::Worker;
use crate::lifecycle::{Action, EventKind};
use crate::spec;

impl Worker {
    /// Begins an action. What takes time runs beside, and queues the pod when it ends.
    pub(super) fn execute(self: &Arc<Self>, uid: &str, pod: &Arc<Pod>, gone: bool, action: Action) {
        let (worker, uid, pod) = (self.clone(), uid.to_owned(), pod.clone());
        match action {
            Action::Event {
                container,
                kind,
                reason,
                message,
            } => {
                let path = if container.is_empty() {
                    String::new()
                } else {
                    spec::field_path(&pod, &container)
                };
                let kind = if kind == EventKind::Normal {
                    EventType::Normal
                } else {
                    EventType::Warning
                };
                self.events.event_at(&*pod, &path, kind, reason, message);
            }
            Action::SetUp { attempt, sandbox } => {
                self.memories
                    .change(&uid, |history| history.setting_up = true);
                tokio::spawn(async move { worker.set_up(uid, pod, attempt, sandbox).await });
            }
            Action::Start {
                container,
                sandbox,
                attempt,
                backoff,
            } => {
                let given_up = self.memories.begin_start(&uid, &container);
                if let Some(backoff) = backoff {
                    self.memories.change(&uid, |history| {
                        history.backoffs.insert(container.clone(), backoff);
                    });
                }
                tokio::spawn(async move {
                    worker
                        .start(uid, pod, container, sandbox, attempt, given_up)
                        .await;
                });
            }
            Action::Stop {
                id,
                container,
                message,
                grace,
                until,
                replace,
            } => {
                let (of, stopped) = (uid.clone(), id.clone());
                let task = tokio::spawn(async move {
                    if replace && !worker.note_replaced(&of, &stopped).await {
                        return worker.stop_later(&of, &stopped).await;
                    }
                    worker
                        .stop(of, pod, stopped, container, message, grace)
                        .await;
                });
                self.memories
                    .begin_stop(&uid, &id, until, task.abort_handle());
                if task.is_finished() {
                    // It ended before it was remembered.
                    self.memories.end_stop(&uid, &id);
                    self.queue.add(uid);
                }
            }
            Action::Resize {
                sandbox,
                containers,
                generation,
            } => {
                self.memories
                    .change(&uid, |history| history.changing = true);
                tokio::spawn(async move {
                    worker
                        .resize(uid, pod, sandbox, containers, generation)
                        .await;
                });
            }
            Action::Resized { generation } => self.resized(&uid, &pod, generation),
            Action::Remove { id } => {
                tokio::spawn(async move { worker.remove_container(&uid, &pod, &id).await });
            }
            Action::TearDown => {
                self.memories
                    .change(&uid, |history| history.tearing_down = true);
                tokio::spawn(async move { worker.tear_down(uid).await });
            }
            Action::Delete => {
                self.memories
                    .change(&uid, |history| history.tearing_down = true);
                tokio::spawn(async move { worker.delete(uid, pod, gone).await });
            }
        }
    }
}
