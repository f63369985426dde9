//! Containers: made, changed, removed.

use std::io;
use std::path::Path;

use super::Embedded;
use super::records::{Container, StartPlan, Stored, new_id, now, write};
use super::sandbox::absent;
use crate::cgroup::Hierarchy;
use crate::cri::{
    ContainerConfig, ContainerRecord, ContainerState, Error, Image, NamespaceMode, Result,
    SandboxConfig, SandboxRecord, SandboxState,
};
use crate::shim::Request;
use crate::spec::{self, Bundle, Device, Input};

impl Embedded {
    pub(super) async fn make_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
    ) -> Result<ContainerRecord> {
        let sandbox = self.find_sandbox(sandbox_id)?.record.lock().clone();
        if sandbox.state != SandboxState::Ready {
            return Err(Error::State(format!("sandbox {sandbox_id} is not ready")));
        }
        let id = new_id().map_err(|error| Error::host("make an id", error))?;
        let (made_id, sandbox) = (id.clone(), sandbox);
        let made = self
            .blocking(move |me| me.make_container_as(&made_id, &sandbox, config))
            .await;
        match made {
            Ok(stored) => {
                let record = stored.record.clone();
                self.containers.lock().insert(id, Container::new(stored));
                Ok(record)
            }
            Err(error) => {
                // The failure that is reported is the first one.
                let _ = self.blocking(move |me| me.clear_container(&id)).await;
                Err(error)
            }
        }
    }

    fn make_container_as(
        &self,
        id: &str,
        sandbox: &SandboxRecord,
        config: ContainerConfig,
    ) -> Result<Stored> {
        let image = self
            .images
            .get(&config.image)?
            .ok_or_else(|| Error::NotFound(format!("image {:?}", config.image)))?;
        let rootfs = self.images.prepare(id, &image.id)?;
        let bundle = self.bundle(sandbox, &config, &image, &rootfs)?;
        let seccomp = self.filter(&config.security, &bundle.process.capabilities)?;
        let devices = (!config.security.privileged)
            .then(|| bundle.devices.iter().map(Device::rule).collect());
        let stored = Stored {
            record: ContainerRecord {
                id: id.to_owned(),
                sandbox_id: sandbox.id.clone(),
                config,
                image_id: image.id,
                state: ContainerState::Created,
                pid: None,
                created_at: now(),
                started_at: 0,
                finished_at: 0,
                exit: None,
            },
            stop_signal: stop_signal(&image.config.stop_signal),
            plan: StartPlan {
                process: bundle.process,
                seccomp,
                devices,
            },
        };
        let write_all = || -> io::Result<()> {
            std::fs::create_dir(self.layout.bundle(id))?;
            std::fs::write(
                self.layout.bundle(id).join("config.json"),
                bundle.config.to_string(),
            )?;
            std::fs::create_dir(self.layout.container(id))?;
            write(&self.layout.container_record(id), &stored)
        };
        write_all().map_err(|error| Error::host("write the container's files", error))?;
        Ok(stored)
    }

    fn bundle(
        &self,
        sandbox: &SandboxRecord,
        config: &ContainerConfig,
        image: &Image,
        rootfs: &Path,
    ) -> Result<Bundle> {
        for mount in &config.mounts {
            if !mount.host_path.exists() {
                // As the container runtimes do: what is not there is made, as a directory.
                std::fs::create_dir_all(&mount.host_path).map_err(|error| {
                    Error::Invalid(format!(
                        "failed to make {}: {error}",
                        mount.host_path.display()
                    ))
                })?;
            }
        }
        let files = self.layout.files(&sandbox.id, &sandbox.config);
        let no_cgroup = self.layout.no_cgroup();
        let input = Input {
            sandbox: &sandbox.config,
            files: &files,
            config,
            image: &image.config,
            unified: matches!(self.hierarchy, Hierarchy::Unified(_)),
            no_cgroup: &no_cgroup,
            rootfs,
            target: self.target(&sandbox.config, config)?,
        };
        let bundle = spec::build(&input)?;
        spec::make_working_directory(&bundle.process, config, rootfs)?;
        Ok(bundle)
    }

    /// The process of the container whose process namespace this one is to join, where it would not be in the same anyway.
    fn target(&self, pod: &SandboxConfig, config: &ContainerConfig) -> Result<Option<i32>> {
        let Some(id) = config
            .target
            .as_ref()
            .filter(|_| pod.pid == NamespaceMode::Container)
        else {
            return Ok(None);
        };
        let target = self.find_container(id)?.record();
        match (target.state, target.pid) {
            (ContainerState::Running, Some(pid)) => Ok(Some(pid)),
            _ => Err(Error::State(format!(
                "target container {id} is not running"
            ))),
        }
    }

    pub(super) async fn drop_container(&self, id: &str) -> Result<()> {
        let Ok(container) = self.find_container(id) else {
            return Ok(());
        };
        let _gate = container.gate.lock().await;
        self.kill_container(&container).await?;
        let shim = self
            .sandboxes
            .lock()
            .get(&container.sandbox_id)
            .and_then(|sandbox| sandbox.shim.lock().clone());
        if let Some(shim) = shim {
            // A shim that is gone has forgotten already.
            let _ = shim
                .tell(Request::Forget {
                    container_id: id.to_owned(),
                })
                .await;
        }
        let removed = id.to_owned();
        self.blocking(move |me| me.clear_container(&removed))
            .await?;
        self.containers.lock().remove(id);
        self.emit_container(&container);
        Ok(())
    }

    /// Removes all traces of a container that does not run.
    pub(super) fn clear_container(&self, id: &str) -> Result<()> {
        if let Some(path) = self.cgroup_of(id) {
            self.cgroup(&path)?
                .remove()
                .map_err(|error| Error::host("remove the container's cgroup", error))?;
        }
        self.images.release(id)?;
        let clear = || -> io::Result<()> {
            absent(std::fs::remove_dir_all(self.layout.bundle(id)))?;
            absent(std::fs::remove_dir_all(self.layout.state().join(id)))?;
            absent(std::fs::remove_dir_all(self.layout.container(id)))
        };
        clear().map_err(|error| Error::host("remove the container", error))
    }

    /// The path of a container's cgroup, while its sandbox is known.
    pub(super) fn cgroup_of(&self, id: &str) -> Option<std::path::PathBuf> {
        let sandbox_id = self.containers.lock().get(id)?.sandbox_id.clone();
        let sandbox = self.sandboxes.lock().get(&sandbox_id)?.clone();
        let config = sandbox.record.lock().config.clone();
        Some(self.layout.container_cgroup(&sandbox_id, &config, id))
    }

    /// Writes the record of a container.
    pub(super) fn save(&self, container: &Container) -> Result<()> {
        let stored = container.stored.lock().clone();
        write(&self.layout.container_record(&container.id), &stored)
            .map_err(|error| Error::host("write the container's record", error))
    }

    pub(super) async fn usage_of(&self, id: &str) -> Result<Option<(u64, u64)>> {
        let container = self.find_container(id)?;
        let (ContainerState::Running, Some(path)) = (container.state(), self.cgroup_of(id)) else {
            return Ok(None);
        };
        self.blocking(move |me| {
            Ok(me
                .cgroup(&path)?
                .usage()
                .map(|usage| (usage.memory, usage.cpu)))
        })
        .await
    }
}

/// The number of a signal by name, with or without `SIG`, or number; SIGTERM for what is none.
fn stop_signal(text: &str) -> i32 {
    use nix::sys::signal::Signal;
    const REALTIME: i32 = 34;
    const LAST: i32 = 64;
    let upper = text.trim().to_ascii_uppercase();
    if let Ok(number) = upper.parse::<i32>()
        && (1..=LAST).contains(&number)
    {
        return number;
    }
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(number) = name
        .strip_prefix("RTMIN")
        .and_then(|rest| rest.strip_prefix('+').unwrap_or("0").parse::<i32>().ok())
    {
        return (REALTIME + number).min(LAST);
    }
    format!("SIG{name}")
        .parse::<Signal>()
        .unwrap_or(Signal::SIGTERM) as i32
}
