//! Other limits for what runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Embedded;
use super::records::write;
use crate::cri::{ContainerState, Error, Resources, Result, SandboxState};

impl Embedded {
    pub(super) async fn resize_container(
        &self,
        id: &str,
        resources: Resources,
        annotations: BTreeMap<String, String>,
    ) -> Result<()> {
        let container = self.find_container(id)?;
        let _gate = container.gate.lock().await;
        let path = self
            .cgroup_of(id)
            .ok_or_else(|| Error::NotFound(format!("sandbox of container {id}")))?;
        // One that does not run has no group yet; it starts with what its record says.
        if container.state() == ContainerState::Running {
            self.set_limits(path, resources.explicit()).await?;
        }
        {
            let mut stored = container.stored.lock();
            stored.record.config.resources = resources;
            stored.record.config.annotations.extend(annotations);
        }
        self.save(&container)
    }

    pub(super) async fn resize_sandbox(
        &self,
        id: &str,
        resources: Resources,
        annotations: BTreeMap<String, String>,
    ) -> Result<()> {
        let sandbox = self.find_sandbox(id)?;
        let _gate = sandbox.gate.lock().await;
        let mut record = sandbox.record.lock().clone();
        if record.state != SandboxState::Ready {
            return Err(Error::State(format!("sandbox {id} is not ready")));
        }
        let path = self.layout.pod_cgroup(id, &record.config);
        self.set_limits(path, resources.explicit()).await?;
        record.config.resources = resources;
        record.config.annotations.extend(annotations);
        write(&self.layout.sandbox_record(id), &record)
            .map_err(|error| Error::host("write the sandbox's record", error))?;
        sandbox.record.lock().config = record.config;
        Ok(())
    }

    async fn set_limits(&self, path: PathBuf, limits: Resources) -> Result<()> {
        self.blocking(move |me| {
            me.cgroup(&path)?
                .set(&limits)
                .map_err(|error| Error::host("set the limits of a cgroup", error))
        })
        .await
    }
}
