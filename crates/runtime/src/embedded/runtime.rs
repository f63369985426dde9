//! The port to the node.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Embedded;
use crate::cri::{
    ContainerConfig, ContainerRecord, Credentials, Duplex, EventStream, ExecOutput, ExecRequest,
    ExecStreams, Image, PullProgress, Resources, Result, Runtime, SandboxConfig, SandboxRecord,
};
use crate::images::Progress;
use crate::shim::Request;

#[async_trait::async_trait]
impl Runtime for Embedded {
    fn version(&self) -> String {
        format!("navarch://{}", env!("CARGO_PKG_VERSION"))
    }

    async fn run_sandbox(&self, config: SandboxConfig) -> Result<SandboxRecord> {
        self.make_sandbox(config).await
    }

    async fn end_sandbox(&self, id: &str) -> Result<()> {
        self.end_sandbox(id).await
    }

    async fn stop_sandbox(&self, id: &str) -> Result<()> {
        self.halt_sandbox(id).await
    }

    async fn remove_sandbox(&self, id: &str) -> Result<()> {
        self.drop_sandbox(id).await
    }

    async fn update_sandbox(
        &self,
        id: &str,
        resources: Resources,
        annotations: BTreeMap<String, String>,
    ) -> Result<()> {
        self.resize_sandbox(id, resources, annotations).await
    }

    async fn sandbox(&self, id: &str) -> Result<SandboxRecord> {
        Ok(self.find_sandbox(id)?.record.lock().clone())
    }

    async fn list_sandboxes(&self) -> Result<Vec<SandboxRecord>> {
        Ok(self
            .sandboxes
            .lock()
            .values()
            .map(|sandbox| sandbox.record.lock().clone())
            .collect())
    }

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
    ) -> Result<ContainerRecord> {
        self.make_container(sandbox_id, config).await
    }

    async fn start_container(&self, id: &str) -> Result<ContainerRecord> {
        self.run_container(id).await
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()> {
        self.halt_container(id, grace).await
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        self.drop_container(id).await
    }

    async fn container(&self, id: &str) -> Result<ContainerRecord> {
        Ok(self.find_container(id)?.record())
    }

    async fn list_containers(&self) -> Result<Vec<ContainerRecord>> {
        Ok(self
            .containers
            .lock()
            .values()
            .map(|container| container.record())
            .collect())
    }

    async fn update_container(
        &self,
        id: &str,
        resources: Resources,
        annotations: BTreeMap<String, String>,
    ) -> Result<()> {
        self.resize_container(id, resources, annotations).await
    }

    async fn reopen_log(&self, id: &str) -> Result<()> {
        let container = self.find_container(id)?;
        self.shim_of(&container.sandbox_id)?
            .tell(Request::ReopenLog {
                container_id: id.to_owned(),
            })
            .await
    }

    async fn exec_sync(
        &self,
        id: &str,
        command: Vec<String>,
        timeout: Duration,
    ) -> Result<ExecOutput> {
        self.exec_to_end(id, command, timeout).await
    }

    async fn exec(&self, id: &str, request: ExecRequest) -> Result<ExecStreams> {
        self.exec_with_streams(id, &request).await
    }

    async fn attach(&self, id: &str, request: ExecRequest) -> Result<ExecStreams> {
        self.attach_streams(id, &request).await
    }

    async fn port_forward(&self, sandbox_id: &str, port: u16) -> Result<Box<dyn Duplex>> {
        self.connect_port(sandbox_id, port).await
    }

    fn events(&self) -> EventStream {
        self.subscribe()
    }

    async fn pull_image(
        &self,
        reference: &str,
        credentials: Option<Credentials>,
    ) -> Result<PullProgress> {
        let reference = reference.to_owned();
        // Unpacking waits for the disk, so all of it happens where that is allowed.
        let pull = move |me: &Self| {
            tokio::runtime::Handle::current().block_on(me.images.pull(
                &reference,
                credentials,
                &Progress::default(),
            ))
        };
        self.blocking(pull).await
    }

    async fn image(&self, reference: &str) -> Result<Option<Image>> {
        let reference = reference.to_owned();
        self.blocking(move |me| me.images.get(&reference)).await
    }

    async fn list_images(&self) -> Result<Vec<Image>> {
        Ok(self.images.list())
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        let reference = reference.to_owned();
        self.blocking(move |me| me.images.remove(&reference)).await
    }

    async fn image_usage(&self) -> Result<(u64, u64)> {
        self.blocking(|me| me.images.usage().map(|usage| (usage.used, usage.capacity)))
            .await
    }

    async fn container_disk_usage(&self, id: &str) -> Result<u64> {
        let id = id.to_owned();
        self.blocking(move |me| me.images.container_usage(&id).map(|usage| usage.bytes))
            .await
    }

    async fn container_usage(&self, id: &str) -> Result<Option<(u64, u64)>> {
        self.usage_of(id).await
    }
}
