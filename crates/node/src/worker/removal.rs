//! The end of a pod: its sandboxes, volumes, records, logs and object.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use navarch_client::{DeleteOptions, EventType};

use super::Worker;
use crate::blocking::blocking;
use crate::lifecycle::SetUpFailure;
use crate::{container_config, spec};

impl Worker {
    /// Takes network, sandboxes and volumes away, and queues the pod.
    pub(super) async fn tear_down(&self, uid: String) {
        let result = self.try_tear_down(&uid).await;
        let now = self.clock.now();
        self.memories.change(&uid, |history| {
            history.tearing_down = false;
            history.torn_down = result.is_ok();
            let earlier = history.tear_down_failure.take();
            let again = |_| SetUpFailure::again(earlier.as_ref(), now);
            history.tear_down_failure = result.as_ref().err().map(again);
        });
        match result {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(uid, error, "a pod could not be taken down");
                if let Some(pod) = self.memories.last_seen(&uid) {
                    self.events.event(
                        &*pod,
                        EventType::Warning,
                        "FailedKillPod",
                        format!("error killing pod: {error}"),
                    );
                }
            }
        }
        self.queue.add(uid);
    }

    async fn try_tear_down(&self, uid: &str) -> Result<(), String> {
        let actual = self.view.of_pod(uid);
        for sandbox in &actual.sandboxes {
            self.give_up(&sandbox.id).await?;
            self.view.reload_sandbox(&*self.runtime, &sandbox.id).await;
        }
        self.volumes.tear_down(uid).await.map_err(|e| e.told())
    }

    /// Stops a sandbox for good. First what runs in it: while a process lives its address must not go to another pod. Then it is disconnected,
    /// while there is a namespace to take away what was made there, and that goes last.
    pub(super) async fn give_up(&self, sandbox: &str) -> Result<(), String> {
        let ended = self.runtime.end_sandbox(sandbox).await;
        ended.map_err(|error| error.to_string())?;
        let detached = self.network.detach(sandbox).await;
        detached.map_err(|error| error.to_string())?;
        let stopped = self.runtime.stop_sandbox(sandbox).await;
        stopped.map_err(|error| error.to_string())
    }

    /// Removes the object from the API, then the records, logs and files, and queues the pod.
    pub(super) async fn delete(&self, uid: String, pod: Arc<Pod>, gone: bool) {
        let result = self.try_delete(&uid, &pod, gone).await;
        self.memories.change(&uid, |history| {
            history.tearing_down = false;
            history.removed = result.is_ok();
        });
        match result {
            Ok(()) => self.queue.add(uid),
            Err(error) => {
                tracing::warn!(
                    pod = spec::full_name(&pod),
                    error,
                    "a pod could not be removed"
                );
                self.queue.retry(uid);
            }
        }
    }

    async fn try_delete(&self, uid: &str, pod: &Pod, gone: bool) -> Result<(), String> {
        if !gone {
            let options = DeleteOptions {
                grace_period: Some(0),
                uid: Some(uid.to_owned()),
                ..DeleteOptions::default()
            };
            let deleted = self
                .client
                .delete::<Pod>(Some(spec::namespace(pod)), spec::name(pod), options)
                .await;
            match deleted {
                Ok(()) => {}
                // Gone already, or another pod has its name now.
                Err(error) if error.is_not_found() || error.is_conflict() => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        for sandbox in &self.view.of_pod(uid).sandboxes {
            self.runtime
                .remove_sandbox(&sandbox.id)
                .await
                .map_err(|e| e.to_string())?;
            self.view.reload_sandbox(&*self.runtime, &sandbox.id).await;
        }
        let logs = self
            .options
            .log_dir(spec::namespace(pod), spec::name(pod), uid);
        for directory in [self.options.pod_dir(uid), logs] {
            let shown = directory.display().to_string();
            let removed = blocking(move || std::fs::remove_dir_all(directory)).await;
            match removed.flatten() {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("{shown}: {error}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes a container that does not run, with its log.
    pub(super) async fn remove_container(&self, uid: &str, pod: &Pod, id: &str) {
        let record = self
            .view
            .of_pod(uid)
            .containers
            .into_iter()
            .find(|c| c.id == id);
        if let Err(error) = self.runtime.remove_container(id).await {
            tracing::warn!(container = id, %error, "an old container could not be removed");
            return self.queue.retry(uid.to_owned());
        }
        if let Some(record) = record {
            let logs = self
                .options
                .log_dir(spec::namespace(pod), spec::name(pod), uid);
            crate::log_files::remove(&logs.join(&record.config.log_path)).await;
            if let Some(container) = spec::container(pod, &record.config.name) {
                let message = container_config::termination_log(
                    pod,
                    &container,
                    record.config.attempt,
                    &self.options,
                );
                let _ = blocking(move || std::fs::remove_file(message)).await;
            }
        }
        self.view.reload_container(&*self.runtime, id).await;
        self.queue.add(uid.to_owned());
    }
}
