//! The operations.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    ContainerConfig, ContainerRecord, Credentials, Error, ExecOutput, ExecRequest, ExecStreams,
    Image, PullProgress, Resources, Result, SandboxConfig, SandboxRecord,
};

/// Something changed; look at the record to know what. May be told twice, never forgotten while the stream lives; after a
/// gap the stream says so with [`ContainerEvent::Lagged`] and the consumer lists anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerEvent {
    /// A container of this sandbox started, ended or was removed.
    Container {
        /// The sandbox.
        sandbox_id: String,
        /// The container.
        container_id: String,
    },
    /// A sandbox became ready, not ready, or was removed.
    Sandbox {
        /// The sandbox.
        sandbox_id: String,
    },
    /// There are other images than before.
    Images,
    /// Events were dropped because the consumer was slow.
    Lagged,
}

/// Events as they come.
pub type EventStream = Pin<Box<dyn Stream<Item = ContainerEvent> + Send>>;

/// A two-way byte stream, as port-forward needs it.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Whatever runs containers.
#[async_trait::async_trait]
pub trait Runtime: Send + Sync {
    /// Name and version: `navarch://0.1.0`.
    fn version(&self) -> String;

    /// Makes a sandbox and its namespaces (no addresses: the caller attaches the network to `netns`), ready for containers.
    async fn run_sandbox(&self, config: SandboxConfig) -> Result<SandboxRecord>;
    /// Kills what runs in it. Idempotent. Its network namespace stays, for its network to be taken away in it.
    async fn end_sandbox(&self, id: &str) -> Result<()>;
    /// Kills what runs in it and gives up its namespaces. Idempotent. Its records and logs stay.
    async fn stop_sandbox(&self, id: &str) -> Result<()>;
    /// Removes it with its containers. Idempotent. Logs stay; they are the node's to remove.
    async fn remove_sandbox(&self, id: &str) -> Result<()>;
    /// One sandbox. Error: `NotFound`.
    async fn sandbox(&self, id: &str) -> Result<SandboxRecord> {
        let all = self.list_sandboxes().await?;
        all.into_iter()
            .find(|sandbox| sandbox.id == id)
            .ok_or_else(|| Error::NotFound(format!("sandbox {id}")))
    }
    /// Puts other limits in place of those of a sandbox as a whole, as [`Self::update_container`] does for one container.
    async fn update_sandbox(
        &self,
        id: &str,
        resources: Resources,
        annotations: BTreeMap<String, String>,
    ) -> Result<()>;
    /// All sandboxes, after a restart of the node too.
    async fn list_sandboxes(&self) -> Result<Vec<SandboxRecord>>;

    /// Prepares a container: root file system, bundle, records. Nothing runs yet.
    async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
    ) -> Result<ContainerRecord>;
    /// Starts it. If the process cannot be started the error says why, in words for the user, and the record ends as
    /// `Exited` with reason `StartError` and code 128.
    async fn start_container(&self, id: &str) -> Result<ContainerRecord>;
    /// Sends the image's stop signal (or SIGTERM), after `grace` SIGKILL to all of its processes. Returns when it has ended. Idempotent.
    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()>;
    /// Removes a container that does not run (or kills it first) with its root file system. Idempotent.
    async fn remove_container(&self, id: &str) -> Result<()>;
    /// One container. Error: `NotFound`.
    async fn container(&self, id: &str) -> Result<ContainerRecord>;
    /// All containers, after a restart of the node too.
    async fn list_containers(&self) -> Result<Vec<ContainerRecord>>;
    /// Puts other limits in place of a container's; it runs on. What they do not set is not limited any more. The annotations are added
    /// to the record, and take the place of those of the same keys.
    async fn update_container(
        &self,
        id: &str,
        resources: Resources,
        annotations: BTreeMap<String, String>,
    ) -> Result<()>;
    /// Makes the container's log continue in a new file at its log path, after the node has moved the old one away.
    async fn reopen_log(&self, id: &str) -> Result<()>;

    /// Runs a command and waits, at most `timeout` (then it is killed and the error is `Timeout`). For exec probes and hooks.
    async fn exec_sync(
        &self,
        id: &str,
        command: Vec<String>,
        timeout: Duration,
    ) -> Result<ExecOutput>;
    /// Runs a command with streams.
    async fn exec(&self, id: &str, request: ExecRequest) -> Result<ExecStreams>;
    /// The streams of the container's main process, from now on. The wanted streams are those set in `request`; its command is not looked at.
    async fn attach(&self, id: &str, request: ExecRequest) -> Result<ExecStreams>;
    /// A connection to a TCP port on the sandbox's loopback.
    async fn port_forward(&self, sandbox_id: &str, port: u16) -> Result<Box<dyn Duplex>>;

    /// Changes from now on.
    fn events(&self) -> EventStream;

    /// Pulls an image from its registry, whether it is here or not.
    async fn pull_image(
        &self,
        reference: &str,
        credentials: Option<Credentials>,
    ) -> Result<PullProgress>;
    /// An image by name, digest or id; `None` where it is not here.
    async fn image(&self, reference: &str) -> Result<Option<Image>>;
    /// All images.
    async fn list_images(&self) -> Result<Vec<Image>>;
    /// Forgets an image by name or id; content that nothing uses is collected. Idempotent.
    async fn remove_image(&self, reference: &str) -> Result<()>;
    /// Bytes and inodes that images and snapshots use: `(used, capacity)` of the file system they are on.
    async fn image_usage(&self) -> Result<(u64, u64)>;

    /// Bytes of memory in use (working set) and nanoseconds of CPU used by a container, if it runs.
    async fn container_usage(&self, id: &str) -> Result<Option<(u64, u64)>>;
    /// Bytes on disk that a container has written to its root file system.
    async fn container_disk_usage(&self, id: &str) -> Result<u64>;
}
