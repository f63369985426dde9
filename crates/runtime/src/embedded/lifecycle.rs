//! How containers end: because they are told to, by themselves, or with their shim.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Embedded;
use super::client::{Listener, ShimClient};
use super::records::{Container, Sandbox, now};
use crate::cri::{ContainerEvent, ContainerState, Error, Result, SandboxState};
use crate::shim::{ExitRecord, Request, read_exit};

/// How long killed processes may take to be gone. One that waits for a disk that does not answer never is.
pub(super) const KILL: Duration = Duration::from_secs(30);

impl Embedded {
    pub(super) async fn halt_container(&self, id: &str, grace: Duration) -> Result<()> {
        let Ok(container) = self.find_container(id) else {
            return Ok(());
        };
        if container.state() != ContainerState::Running {
            return Ok(());
        }
        let mut ended = container.ended.subscribe();
        if !grace.is_zero()
            && let Ok(shim) = self.shim_of(&container.sandbox_id)
        {
            let signal = container.stored.lock().stop_signal;
            // A signal that cannot be sent leaves the killing.
            let _ = shim
                .tell(Request::Signal {
                    container_id: id.to_owned(),
                    signal,
                })
                .await;
            if tokio::time::timeout(grace, ended.wait_for(|ended| *ended))
                .await
                .is_ok()
            {
                return Ok(());
            }
        }
        self.kill_container(&container).await
    }

    /// Kills all of it and waits for the end.
    pub(super) async fn kill_container(&self, container: &Arc<Container>) -> Result<()> {
        if container.state() != ContainerState::Running {
            return Ok(());
        }
        let mut ended = container.ended.subscribe();
        let shim = self.shim_of(&container.sandbox_id)?;
        // A shim that is gone is noticed as such, and ends the wait.
        let _ = shim
            .tell(Request::KillAll {
                container_id: container.id.clone(),
            })
            .await;
        match tokio::time::timeout(KILL, ended.wait_for(|ended| *ended)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Timeout(format!(
                "the end of container {}",
                container.id
            ))),
        }
    }

    /// Connects a sandbox to its shim.
    pub(super) fn connect(&self, sandbox: &Arc<Sandbox>) -> io::Result<Arc<ShimClient>> {
        let listener = Watch {
            runtime: self.me.clone(),
            sandbox: Arc::downgrade(sandbox),
        };
        let client = ShimClient::connect(&self.layout.shim(&sandbox.id), listener)?;
        *sandbox.shim.lock() = Some(Arc::clone(&client));
        Ok(client)
    }

    pub(super) fn take_exit(&self, container_id: &str, exit: &ExitRecord) {
        let Ok(container) = self.find_container(container_id) else {
            return;
        };
        if container.set_exit(exit) {
            if !self.layout.exit(container_id).exists()
                && let Err(error) = self.save(&container)
            {
                tracing::warn!(container = container_id, %error, "how the container ended is not on disk");
            }
            self.emit_container(&container);
        }
    }

    /// A shim is gone that was not told to go: nothing reaps or reads its containers any more, so they end.
    fn shim_lost(&self, sandbox: &Sandbox) {
        if sandbox.shim.lock().take().is_none() {
            return;
        }
        sandbox.record.lock().state = SandboxState::NotReady;
        tracing::warn!(sandbox = sandbox.id, "the sandbox's shim is gone");
        for container in self.containers_of(&sandbox.id) {
            self.end_without_shim(&container);
        }
        self.emit(ContainerEvent::Sandbox {
            sandbox_id: sandbox.id.clone(),
        });
    }

    /// Ends what a container without its shim still runs, and records that.
    pub(super) fn end_without_shim(&self, container: &Arc<Container>) {
        if let Some(cgroup) = self
            .cgroup_of(&container.id)
            .and_then(|path| self.cgroup(&path).ok())
            && let Err(error) = cgroup.kill()
        {
            tracing::warn!(container = container.id, %error, "killing what is left of a container failed");
        }
        if let Some(exit) = read_exit(&self.layout.exit(&container.id)) {
            self.take_exit(&container.id, &exit);
        } else if container.set_unknown(now()) {
            if let Err(error) = self.save(container) {
                tracing::warn!(container = container.id, %error, "that the container's end is unknown is not on disk");
            }
            self.emit_container(container);
        }
    }
}

/// Listens to one shim.
struct Watch {
    runtime: Weak<Embedded>,
    sandbox: Weak<Sandbox>,
}

impl Listener for Watch {
    fn exited(&self, container_id: &str, exit: &ExitRecord) {
        if let Some(runtime) = self.runtime.upgrade() {
            runtime.take_exit(container_id, exit);
        }
    }

    fn lost(&self) {
        if let (Some(runtime), Some(sandbox)) = (self.runtime.upgrade(), self.sandbox.upgrade()) {
            runtime.shim_lost(&sandbox);
        }
    }
}
