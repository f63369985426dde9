//! The end of a container: preStop hook, stop signal, patience, kill.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use navarch_client::EventType;
use navarch_runtime::cri::Error;

use super::Worker;
use crate::lifecycle::REPLACED;
use crate::{hooks, spec};

/// What every process gets after its stop signal, however long its hook took.
const LEAST: Duration = Duration::from_secs(2);

impl Worker {
    /// Stops a container and queues the pod.
    pub(super) async fn stop(
        self: Arc<Self>,
        uid: String,
        pod: Arc<Pod>,
        id: String,
        name: String,
        message: String,
        grace: Duration,
    ) {
        let container = spec::container(&pod, &name).unwrap_or_else(|| {
            Cow::Owned(Container {
                name: name.clone(),
                ..Container::default()
            })
        });
        self.tell(&pod, &container, EventType::Normal, "Killing", message);
        let left = self.pre_stop(&uid, &pod, &container, &id, grace).await;
        if let Err(error) = self.runtime.stop_container(&id, left.max(LEAST)).await {
            tracing::warn!(pod = spec::full_name(&pod), container = name, %error, "a container could not be stopped");
            tokio::time::sleep(LEAST).await;
        }
        self.view.reload_container(&*self.runtime, &id).await;
        self.memories.end_stop(&uid, &id);
        self.queue.add(uid);
    }

    /// Notes with a container that another is to take its place: a restarted node knows then that its end is not the pod's. `false`: it
    /// could not be noted, so the container must not be stopped for that.
    pub(super) async fn note_replaced(&self, uid: &str, id: &str) -> bool {
        let actual = self.view.of_pod(uid);
        let Some(record) = actual.containers.iter().find(|c| c.id == id) else {
            return true;
        };
        let (limits, note) = (
            record.config.resources.clone(),
            (REPLACED.to_owned(), String::new()),
        );
        let noted = self.runtime.update_container(id, limits, [note].into());
        match noted.await {
            Ok(()) => true,
            // What is gone needs no stop, and no note.
            Err(Error::NotFound(_)) => true,
            Err(error) => {
                tracing::warn!(container = id, %error, "that it is replaced could not be noted");
                false
            }
        }
    }

    /// Gives a stop up for now: the pod is looked at again.
    pub(super) async fn stop_later(&self, uid: &str, id: &str) {
        tokio::time::sleep(LEAST).await;
        self.memories.end_stop(uid, id);
        self.queue.add(uid.to_owned());
    }

    /// Runs the preStop hook, at most for the grace period; what is left of that.
    async fn pre_stop(
        &self,
        uid: &str,
        pod: &Pod,
        container: &Container,
        id: &str,
        grace: Duration,
    ) -> Duration {
        let Some(hook) = container
            .lifecycle
            .as_ref()
            .and_then(|l| l.pre_stop.as_ref())
        else {
            return grace;
        };
        if spec::grace(pod).is_zero() {
            return grace;
        }
        let pod_ip = self
            .pod_ips(uid, pod)
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let began = tokio::time::Instant::now();
        let run = hooks::run(&*self.runtime, container, id, &pod_ip, hook);
        match tokio::time::timeout(grace, run).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::info!(
                    pod = spec::full_name(pod),
                    container = container.name,
                    error,
                    "a preStop hook failed"
                );
                self.tell(
                    pod,
                    container,
                    EventType::Warning,
                    "FailedPreStopHook",
                    "PreStopHook failed".into(),
                );
            }
            Err(_) => {
                tracing::info!(
                    pod = spec::full_name(pod),
                    container = container.name,
                    "a preStop hook took all of the grace period"
                );
            }
        }
        grace.saturating_sub(began.elapsed())
    }
}
