//! The start of a container: image, configuration, creation, start, postStart hook.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use navarch_client::EventType;
use navarch_runtime::cri::{ContainerRecord, Error, Image};
use tokio_util::sync::CancellationToken;

use super::Worker;
use crate::blocking::blocking;
use crate::container_config::{self, Parts};
use crate::env::{self, Downward, Sources};
use crate::images::failure;
use crate::lifecycle::{History, StartFailure};
use crate::{hooks, spec};

/// How long after a failure that is not the image's a start is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// Why a container was not started.
enum Unstarted {
    /// It waits, with this reason.
    Waits(StartFailure),
    /// It was made and ended; the runtime tells how.
    Ended,
    /// The pod is ending.
    GivenUp,
}

impl Worker {
    /// Starts a container and queues the pod.
    pub(super) async fn start(
        self: Arc<Self>,
        uid: String,
        pod: Arc<Pod>,
        name: String,
        sandbox: String,
        attempt: u32,
        given_up: CancellationToken,
    ) {
        let result = match spec::container(&pod, &name) {
            Some(container) => {
                self.try_start(&uid, &pod, &container, &sandbox, attempt, &given_up)
                    .await
            }
            None => Err(Unstarted::GivenUp),
        };
        self.memories.end_start(&uid, |history| match result {
            Err(Unstarted::Waits(failure)) => {
                history.failures.insert(name, failure);
            }
            Ok(()) | Err(Unstarted::Ended | Unstarted::GivenUp) => {
                history.failures.remove(&name);
            }
        });
        self.queue.add(uid);
    }

    /// Looks again at containers that wait for an image which is here by now, as after an import.
    pub(crate) async fn retry_images(&self) {
        for pod in self.pods.snapshot().iter() {
            let uid = spec::uid(pod);
            for (name, failure) in self.memories.failures(uid) {
                let Some(container) = spec::container(pod, &name) else {
                    continue;
                };
                let waits = matches!(
                    failure.reason.as_str(),
                    "ErrImagePull" | "ErrImageNeverPull"
                );
                if waits && self.images.is_here(&container).await {
                    let now = self.clock.now();
                    self.memories.change(uid, |history| {
                        if let Some(failure) = history.failures.get_mut(&name) {
                            failure.retry_at = failure.retry_at.min(now);
                        }
                    });
                    self.queue.add(uid.to_owned());
                }
            }
        }
    }

    async fn try_start(
        &self,
        uid: &str,
        pod: &Arc<Pod>,
        container: &Container,
        sandbox: &str,
        attempt: u32,
        given_up: &CancellationToken,
    ) -> Result<(), Unstarted> {
        let image = tokio::select! {
            image = self.images.ensure(pod, container) => image.map_err(Unstarted::Waits)?,
            () = given_up.cancelled() => return Err(Unstarted::GivenUp),
        };
        let config = self.configure(uid, pod, container, attempt, &image).await;
        let config = config.map_err(|message| {
            self.refuse(pod, container, "CreateContainerConfigError", message)
        })?;
        if given_up.is_cancelled() {
            return Err(Unstarted::GivenUp);
        }
        let created = self.runtime.create_container(sandbox, config).await;
        let record = created.map_err(|error| {
            // What a pod asks and cannot have is told as the kubelet tells it: `runAsNonRoot` in an image of root's.
            let reason = match error {
                Error::Invalid(_) => "CreateContainerConfigError",
                _ => "CreateContainerError",
            };
            self.refuse(pod, container, reason, error.to_string())
        })?;
        let id = record.id.clone();
        self.view.put_container(record);
        self.memories.change(uid, |history| {
            history.starting = Some((container.name.clone(), Some(id.clone())));
        });
        self.tell(
            pod,
            container,
            EventType::Normal,
            "Created",
            "Container created".into(),
        );
        match self.runtime.start_container(&id).await {
            Ok(record) => self.view.put_container(record),
            Err(error) => {
                self.tell(
                    pod,
                    container,
                    EventType::Warning,
                    "Failed",
                    format!("Error: {error}"),
                );
                self.view.reload_container(&*self.runtime, &id).await;
                return Err(Unstarted::Ended);
            }
        }
        self.drop_old_logs(pod, container, attempt).await;
        self.tell(
            pod,
            container,
            EventType::Normal,
            "Started",
            "Container started".into(),
        );
        self.forget_probes(uid, &container.name);
        self.post_start(uid, pod, container, &id, given_up).await
    }

    /// Removes the logs of containers of this name but the last two: those of which the runtime has no record any more.
    async fn drop_old_logs(&self, pod: &Pod, container: &Container, attempt: u32) {
        if attempt < 2 {
            return;
        }
        let logs = self
            .options
            .log_dir(spec::namespace(pod), spec::name(pod), spec::uid(pod));
        crate::log_files::remove_before(&logs.join(&container.name), attempt - 1).await;
    }

    async fn configure(
        &self,
        uid: &str,
        pod: &Arc<Pod>,
        container: &Container,
        attempt: u32,
        image: &Image,
    ) -> Result<navarch_runtime::cri::ContainerConfig, String> {
        let target = self.target(uid, pod, container)?;
        self.services.synced().await;
        let capacity = self.capacity.lock().clone();
        let namespace = spec::namespace(pod);
        let snapshot = self.services.snapshot();
        let api = snapshot
            .get(&navarch_client::ObjectKey::new("default", "kubernetes"))
            .cloned();
        let services = snapshot
            .in_namespace(namespace)
            .cloned()
            .chain(api)
            .collect();
        let text = |ips: &[std::net::IpAddr]| ips.iter().map(ToString::to_string).collect();
        let downward = Downward {
            pod,
            node_name: &self.options.name,
            host_ips: text(&self.options.addresses.now()),
            pod_ips: text(&self.pod_ips(uid, pod)),
            allocatable: &capacity.allocatable,
        };
        let sources = Sources {
            pod,
            container,
            objects: &self.objects,
            services,
            downward,
        };
        let env = env::environment(&sources).await?;
        for warning in env.warnings {
            self.events.event(
                &**pod,
                EventType::Warning,
                "InvalidEnvironmentVariableNames",
                warning,
            );
        }
        let mounts = self
            .volumes
            .mounts(pod, container, &env.variables)
            .await
            .map_err(|e| e.to_string())?;
        let log = container_config::termination_log(pod, container, attempt, &self.options);
        make_file(&log)
            .await
            .map_err(|e| format!("the termination log could not be made: {e}"))?;
        container_config::container_config(Parts {
            pod,
            container,
            attempt,
            target,
            image,
            env: env.variables,
            mounts,
            options: &self.options,
            node_memory: capacity.memory,
        })
    }

    /// The id of the container whose processes an ephemeral container is to see.
    fn target(&self, uid: &str, pod: &Pod, of: &Container) -> Result<Option<String>, String> {
        let Some(name) = spec::target_of(pod, &of.name) else {
            return Ok(None);
        };
        match self.view.of_pod(uid).latest(name) {
            Some(target) => Ok(Some(target.id.clone())),
            None => Err(format!("unable to find target container {name}")),
        }
    }

    /// A failed hook ends the container.
    async fn post_start(
        &self,
        uid: &str,
        pod: &Arc<Pod>,
        container: &Container,
        id: &str,
        given_up: &CancellationToken,
    ) -> Result<(), Unstarted> {
        let Some(hook) = container
            .lifecycle
            .as_ref()
            .and_then(|l| l.post_start.as_ref())
        else {
            return Ok(());
        };
        let pod_ip = self
            .pod_ips(uid, pod)
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let result = tokio::select! {
            result = hooks::run(&*self.runtime, container, id, &pod_ip, hook) => result,
            () = given_up.cancelled() => return Err(Unstarted::GivenUp),
            () = self.ended(id) => return Err(Unstarted::Ended),
        };
        let Err(error) = result else { return Ok(()) };
        tracing::info!(
            pod = spec::full_name(pod),
            container = container.name,
            error,
            "a postStart hook failed"
        );
        self.tell(
            pod,
            container,
            EventType::Warning,
            "FailedPostStartHook",
            "PostStartHook failed".into(),
        );
        self.tell(
            pod,
            container,
            EventType::Normal,
            "Killing",
            "FailedPostStartHook".into(),
        );
        if let Err(error) = self.runtime.stop_container(id, spec::grace(pod)).await {
            tracing::warn!(container = id, %error, "a container whose postStart hook failed could not be stopped");
        }
        self.view.reload_container(&*self.runtime, id).await;
        Err(Unstarted::Ended)
    }

    /// Waits until the container has ended.
    async fn ended(&self, id: &str) {
        use futures::StreamExt;
        let mut events = self.runtime.events();
        loop {
            let running = self
                .runtime
                .container(id)
                .await
                .is_ok_and(|c| c.pid.is_some() || c.exit.is_none());
            if !running {
                return;
            }
            if events.next().await.is_none() {
                return std::future::pending().await;
            }
        }
    }

    fn refuse(&self, pod: &Pod, container: &Container, reason: &str, message: String) -> Unstarted {
        self.tell(
            pod,
            container,
            EventType::Warning,
            "Failed",
            format!("Error: {message}"),
        );
        Unstarted::Waits(failure(self.clock.now(), reason, message, RETRY))
    }

    pub(super) fn tell(
        &self,
        pod: &Pod,
        container: &Container,
        kind: EventType,
        reason: &str,
        message: String,
    ) {
        self.events.event_at(
            pod,
            &spec::field_path(pod, &container.name),
            kind,
            reason,
            message,
        );
    }

    /// Drops what probes found of earlier containers of this name.
    fn forget_probes(&self, uid: &str, name: &str) {
        let actual = self.view.of_pod(uid);
        let old: Vec<&ContainerRecord> = actual
            .containers
            .iter()
            .map(Arc::as_ref)
            .filter(|c| c.config.name == name && c.pid.is_none())
            .collect();
        self.memories.change(uid, |history: &mut History| {
            history
                .probes
                .retain(|key, _| old.iter().all(|c| c.id != key.container_id));
        });
    }
}

/// An empty file that any user of a container may write.
async fn make_file(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let path = path.to_path_buf();
    let make = move || {
        if let Some(directory) = path.parent() {
            crate::files::make_private(directory)?;
        }
        let file = std::fs::File::create(path)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o666))
    };
    blocking(make).await?
}
