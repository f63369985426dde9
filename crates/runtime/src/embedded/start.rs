//! Starting a container.

use std::sync::Arc;

use super::Embedded;
use super::client::ShimClient;
use super::records::{Container, now};
use crate::cri::{ContainerRecord, ContainerState, Error, ExitStatus, Result};
use crate::shim::{Failure, Outcome, Request, StartRequest};

/// The exit code of a container that could not be started, as containerd has it.
const START_ERROR: i32 = 128;

impl Embedded {
    pub(super) async fn run_container(&self, id: &str) -> Result<ContainerRecord> {
        let container = self.find_container(id)?;
        let _gate = container.gate.lock().await;
        if container.state() != ContainerState::Created {
            return Err(Error::State(format!(
                "container {id} is not in created state"
            )));
        }
        let shim = self.shim_of(&container.sandbox_id)?;
        let request = self.prepare_start(&container).await?;
        // Known as running before it is: its end may be told before the answer is taken up here.
        container.stored.lock().record.state = ContainerState::Running;
        match shim.call(Request::Start(Box::new(request)), &[]).await {
            Ok(Ok((Outcome::Started { pid, started_at }, _))) => {
                let mut stored = container.stored.lock();
                if stored.record.state == ContainerState::Running {
                    (stored.record.pid, stored.record.started_at) = (Some(pid), started_at);
                }
                drop(stored);
                self.save(&container)?;
                self.emit_container(&container);
                Ok(container.record())
            }
            Ok(Ok(_)) => Err(Error::State("the shim answered something else".to_owned())),
            Ok(Err(failure)) => Err(self.start_failed(&container, failure).await),
            Err(error) => {
                let failure = Failure::new(error.to_string());
                Err(self.start_failed(&container, failure).await)
            }
        }
    }

    /// The way to a sandbox's shim.
    pub(super) fn shim_of(&self, sandbox_id: &str) -> Result<Arc<ShimClient>> {
        let sandbox = self.find_sandbox(sandbox_id)?;
        let shim = sandbox.shim.lock().clone();
        shim.ok_or_else(|| Error::State(format!("sandbox {sandbox_id} is not ready")))
    }

    /// Makes the cgroup, and puts together what the shim needs.
    async fn prepare_start(&self, container: &Arc<Container>) -> Result<StartRequest> {
        let sandbox = self
            .find_sandbox(&container.sandbox_id)?
            .record
            .lock()
            .clone();
        let stored = container.stored.lock().clone();
        let path = self
            .layout
            .container_cgroup(&sandbox.id, &sandbox.config, &container.id);
        let config = stored.record.config;
        let (cgroup_path, devices, resources) = (
            path.clone(),
            stored.plan.devices.clone(),
            config.resources.clone(),
        );
        self.blocking(move |me| {
            let cgroup = me.cgroup(&cgroup_path)?;
            let make = || {
                cgroup.create()?;
                cgroup.set(&resources)?;
                devices
                    .as_ref()
                    .map_or(Ok(()), |devices| cgroup.limit_devices(devices))
            };
            make().map_err(|error| Error::host("make the container's cgroup", error))
        })
        .await?;
        Ok(StartRequest {
            container_id: container.id.clone(),
            bundle: self.layout.bundle(&container.id),
            state_root: self.layout.state(),
            process: stored.plan.process,
            stdin: config.stdin,
            stdin_once: config.stdin_once,
            log_path: sandbox.config.log_directory.join(&config.log_path),
            exit_path: self.layout.exit(&container.id),
            cgroup: path,
            oom_score_adj: config.resources.oom_score_adj,
            seccomp: stored.plan.seccomp,
        })
    }

    /// Keeps why a container did not start, in words for the user.
    async fn start_failed(&self, container: &Arc<Container>, failure: Failure) -> Error {
        let message = format!(
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: unable to start container process: {}: unknown",
            failure.message
        );
        {
            let mut stored = container.stored.lock();
            let record = &mut stored.record;
            record.state = ContainerState::Exited;
            record.finished_at = now();
            record.exit = Some(ExitStatus {
                code: START_ERROR,
                signal: 0,
                oom_killed: false,
                reason: "StartError".to_owned(),
                message: message.clone(),
            });
        }
        container.ended.send_replace(true);
        if let Err(error) = self.save(container) {
            tracing::warn!(container = container.id, %error, "a failed start was not recorded");
        }
        if let Some(path) = self.cgroup_of(&container.id) {
            let removed = self
                .blocking(move |me| {
                    me.cgroup(&path)?
                        .remove()
                        .map_err(|error| Error::host("remove the container's cgroup", error))
                })
                .await;
            if let Err(error) = removed {
                tracing::warn!(container = container.id, %error, "the cgroup of a failed start stays until the container is removed");
            }
        }
        self.emit_container(container);
        Error::Invalid(message)
    }
}
