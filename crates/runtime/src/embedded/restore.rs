//! Taking up what an earlier process of ours left running.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::Embedded;
use super::records::{Container, Sandbox, Stored, read};
use super::sandbox::absent;
use crate::cri::{ContainerState, Error, Result, SandboxRecord, SandboxState};
use crate::shim::{ContainerStatus, Outcome, Request, read_exit};

impl Embedded {
    pub(super) async fn restore(&self) -> Result<()> {
        self.blocking(Self::read_records).await?;
        let sandboxes: Vec<Arc<Sandbox>> = self.sandboxes.lock().values().cloned().collect();
        for sandbox in sandboxes {
            self.reconnect(&sandbox).await;
        }
        self.blocking(Self::sweep).await
    }

    /// Reads all records. What is not whole was never told to anybody, and is removed by [`Self::sweep`].
    fn read_records(&self) -> Result<()> {
        for id in names(&self.layout.sandboxes(), ".json")? {
            if let Some(record) = read::<SandboxRecord>(&self.layout.sandbox_record(&id)) {
                self.sandboxes.lock().insert(id, Sandbox::new(record, None));
            }
        }
        for id in names(&self.layout.containers(), "")? {
            if let Some(stored) = read::<Stored>(&self.layout.container_record(&id)) {
                self.containers.lock().insert(id, Container::new(stored));
            }
        }
        Ok(())
    }

    /// Connects to a sandbox's shim and brings its containers up to date.
    async fn reconnect(&self, sandbox: &Arc<Sandbox>) {
        let mut known = Vec::new();
        let ready = sandbox.record.lock().state == SandboxState::Ready;
        let connected = if ready {
            self.connect(sandbox).ok()
        } else {
            None
        };
        if let Some(shim) = connected {
            match shim.call(Request::List, &[]).await {
                Ok(Ok((Outcome::Containers(containers), _))) => known = containers,
                _ => drop(sandbox.shim.lock().take()),
            }
        }
        if ready && sandbox.shim.lock().is_none() {
            sandbox.record.lock().state = SandboxState::NotReady;
        }
        for container in self.containers_of(&sandbox.id) {
            self.catch_up(
                &container,
                known
                    .iter()
                    .find(|status| status.container_id == container.id),
            );
        }
    }

    /// What happened to a container while we were away.
    fn catch_up(&self, container: &Arc<Container>, status: Option<&ContainerStatus>) {
        if container.state() == ContainerState::Exited {
            return;
        }
        match status {
            Some(status) => {
                {
                    let mut stored = container.stored.lock();
                    stored.record.state = ContainerState::Running;
                    (stored.record.pid, stored.record.started_at) =
                        (Some(status.pid), status.started_at);
                }
                if let Some(exit) = &status.exit {
                    self.take_exit(&container.id, exit);
                }
            }
            None => match read_exit(&self.layout.exit(&container.id)) {
                Some(exit) => self.take_exit(&container.id, &exit),
                None => self.end_without_shim(container),
            },
        }
    }

    /// Removes what belongs to nothing that is known.
    fn sweep(&self) -> Result<()> {
        let containers: HashSet<String> = self.containers.lock().keys().cloned().collect();
        for id in self
            .images
            .prepared()
            .into_iter()
            .filter(|id| !containers.contains(id))
        {
            self.images.release(&id)?;
        }
        let clear = || -> std::io::Result<()> {
            for directory in [
                self.layout.containers(),
                self.layout.bundles(),
                self.layout.state(),
            ] {
                for entry in std::fs::read_dir(directory)?.flatten() {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if !containers.contains(&name) {
                        absent(
                            std::fs::remove_dir_all(entry.path())
                                .or_else(|_| std::fs::remove_file(entry.path())),
                        )?;
                    }
                }
            }
            Ok(())
        };
        clear().map_err(|error| Error::host("remove what is left of containers", error))?;
        let sandboxes: HashSet<String> = self.sandboxes.lock().keys().cloned().collect();
        for id in names(&self.layout.shims(), "")?
            .into_iter()
            .filter(|id| !sandboxes.contains(id))
        {
            super::teardown::end_shim(&self.layout.shim(&id))
                .map_err(|error| Error::host("remove what is left of a sandbox", error))?;
        }
        Ok(())
    }
}

/// The names in a directory that end so, without that end.
fn names(directory: &Path, end: &str) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(directory)
        .map_err(|error| Error::host(format!("read {}", directory.display()), error))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names
        .filter_map(|name| name.strip_suffix(end).map(str::to_owned))
        .collect())
}
