//! A runtime whose containers do what a test says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream;
use k8s_openapi::api::core::v1::{Container, Pod};
use navarch_network::PodRequest;
use navarch_node::ports::{NetworkError, VolumeError};
use navarch_node::{Network, Volumes};
use navarch_runtime::cri::*;
use parking_lot::Mutex;
use tokio::sync::broadcast;

#[derive(Default)]
struct State {
    sandboxes: BTreeMap<String, SandboxRecord>,
    containers: BTreeMap<String, ContainerRecord>,
    count: u32,
}

/// Containers whose command begins with `exit` end at once with the code that follows.
pub(crate) struct FakeRuntime {
    state: Mutex<State>,
    changes: broadcast::Sender<ContainerEvent>,
    pub(crate) log: Mutex<Vec<String>>,
    /// What every container has written.
    pub(crate) written: std::sync::atomic::AtomicU64,
    /// `missing:1` is there, too.
    imported: std::sync::atomic::AtomicBool,
}

impl FakeRuntime {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            changes: broadcast::Sender::new(1024),
            log: Mutex::default(),
            written: Default::default(),
            imported: Default::default(),
        }
    }

    fn note(&self, text: String) {
        self.log.lock().push(text);
    }

    /// Ends a running container of this name.
    pub(crate) fn end(&self, name: &str, code: i32) {
        let mut state = self.state.lock();
        let running =
            |c: &&mut ContainerRecord| c.config.name == name && c.state == ContainerState::Running;
        let container = state.containers.values_mut().find(running).unwrap();
        finish(container, code, 0);
        let event = ContainerEvent::Container {
            sandbox_id: container.sandbox_id.clone(),
            container_id: container.id.clone(),
        };
        let _ = self.changes.send(event);
    }

    /// Imports `missing:1`.
    pub(crate) fn import(&self) {
        self.imported
            .store(true, std::sync::atomic::Ordering::Relaxed);
        let _ = self.changes.send(ContainerEvent::Images);
    }

    pub(crate) fn names_of_running(&self) -> Vec<String> {
        let state = self.state.lock();
        let running = state
            .containers
            .values()
            .filter(|c| c.state == ContainerState::Running);
        running.map(|c| c.config.name.clone()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state.lock();
        state.sandboxes.is_empty() && state.containers.is_empty()
    }
}

fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap()
}

fn finish(container: &mut ContainerRecord, code: i32, signal: i32) {
    container.state = ContainerState::Exited;
    container.pid = None;
    container.finished_at = now();
    let reason = if code == 0 { "Completed" } else { "Error" };
    container.exit = Some(ExitStatus {
        code,
        signal,
        reason: reason.into(),
        ..ExitStatus::default()
    });
}

#[async_trait]
impl Runtime for FakeRuntime {
    fn version(&self) -> String {
        "navarch://fake".into()
    }

    async fn run_sandbox(&self, config: SandboxConfig) -> Result<SandboxRecord> {
        let mut state = self.state.lock();
        state.count += 1;
        let record = SandboxRecord {
            id: format!("s{}", state.count),
            netns: Some(PathBuf::from("/none")),
            config,
            state: SandboxState::Ready,
            created_at: now(),
        };
        state.sandboxes.insert(record.id.clone(), record.clone());
        Ok(record)
    }

    async fn end_sandbox(&self, id: &str) -> Result<()> {
        self.stop_sandbox(id).await
    }

    async fn stop_sandbox(&self, id: &str) -> Result<()> {
        let mut state = self.state.lock();
        for container in state
            .containers
            .values_mut()
            .filter(|c| c.sandbox_id == id && c.state == ContainerState::Running)
        {
            finish(container, 137, 9);
        }
        if let Some(sandbox) = state.sandboxes.get_mut(id) {
            sandbox.state = SandboxState::NotReady;
        }
        Ok(())
    }

    async fn remove_sandbox(&self, id: &str) -> Result<()> {
        let mut state = self.state.lock();
        state.sandboxes.remove(id);
        state.containers.retain(|_, c| c.sandbox_id != id);
        Ok(())
    }

    async fn list_sandboxes(&self) -> Result<Vec<SandboxRecord>> {
        Ok(self.state.lock().sandboxes.values().cloned().collect())
    }

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
    ) -> Result<ContainerRecord> {
        let mut state = self.state.lock();
        state.count += 1;
        let record = ContainerRecord {
            id: format!("c{}", state.count),
            sandbox_id: sandbox_id.to_owned(),
            image_id: config.image.clone(),
            config,
            state: ContainerState::Created,
            pid: None,
            created_at: now(),
            started_at: 0,
            finished_at: 0,
            exit: None,
        };
        state.containers.insert(record.id.clone(), record.clone());
        Ok(record)
    }

    async fn start_container(&self, id: &str) -> Result<ContainerRecord> {
        let mut state = self.state.lock();
        let container = state.containers.get_mut(id).unwrap();
        self.note(format!("start {}", container.config.name));
        container.state = ContainerState::Running;
        container.pid = Some(1);
        container.started_at = now();
        let started = container.clone();
        if let [word, code] = container.config.command.as_slice()
            && word == "exit"
        {
            finish(container, code.parse().unwrap(), 0);
            let event = ContainerEvent::Container {
                sandbox_id: container.sandbox_id.clone(),
                container_id: id.to_owned(),
            };
            let _ = self.changes.send(event);
        }
        Ok(started)
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()> {
        let mut state = self.state.lock();
        let Some(container) = state.containers.get_mut(id) else {
            return Ok(());
        };
        self.note(format!(
            "stop {} {}s",
            container.config.name,
            grace.as_secs_f64().round()
        ));
        if container.state == ContainerState::Running {
            finish(container, 143, 15);
        }
        Ok(())
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        self.state.lock().containers.remove(id);
        Ok(())
    }

    async fn container(&self, id: &str) -> Result<ContainerRecord> {
        self.state
            .lock()
            .containers
            .get(id)
            .cloned()
            .ok_or_else(|| Error::NotFound(id.to_owned()))
    }

    async fn list_containers(&self) -> Result<Vec<ContainerRecord>> {
        Ok(self.state.lock().containers.values().cloned().collect())
    }

    async fn update_container(
        &self,
        id: &str,
        resources: Resources,
        annotations: BTreeMap<String, String>,
    ) -> Result<()> {
        let mut state = self.state.lock();
        let container = state.containers.get_mut(id).unwrap();
        self.note(format!(
            "update {} shares {} memory {}",
            container.config.name, resources.cpu_shares, resources.memory_limit
        ));
        container.config.resources = resources;
        container.config.annotations.extend(annotations);
        Ok(())
    }

    async fn update_sandbox(
        &self,
        id: &str,
        resources: Resources,
        annotations: BTreeMap<String, String>,
    ) -> Result<()> {
        let mut state = self.state.lock();
        let sandbox = state.sandboxes.get_mut(id).unwrap();
        self.note(format!(
            "update pod shares {} memory {}",
            resources.cpu_shares, resources.memory_limit
        ));
        sandbox.config.resources = resources;
        sandbox.config.annotations.extend(annotations);
        Ok(())
    }

    async fn reopen_log(&self, _id: &str) -> Result<()> {
        Ok(())
    }

    async fn exec_sync(
        &self,
        id: &str,
        command: Vec<String>,
        _timeout: Duration,
    ) -> Result<ExecOutput> {
        let name = self.container(id).await?.config.name;
        self.note(format!("exec {name} {}", command.join(" ")));
        if command.first().is_some_and(|c| c == "sleep") {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let code = i32::from(command.first().is_some_and(|c| c == "false"));
        Ok(ExecOutput {
            code,
            ..ExecOutput::default()
        })
    }

    async fn exec(&self, _id: &str, _request: ExecRequest) -> Result<ExecStreams> {
        Err(Error::State("not in this double".into()))
    }

    async fn attach(&self, _id: &str, _request: ExecRequest) -> Result<ExecStreams> {
        Err(Error::State("not in this double".into()))
    }

    async fn port_forward(&self, _sandbox_id: &str, _port: u16) -> Result<Box<dyn Duplex>> {
        Err(Error::State("not in this double".into()))
    }

    fn events(&self) -> EventStream {
        let receiver = self.changes.subscribe();
        Box::pin(stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await.ok()?, receiver))
        }))
    }

    async fn pull_image(
        &self,
        reference: &str,
        _credentials: Option<Credentials>,
    ) -> Result<PullProgress> {
        Err(Error::Pull {
            reference: reference.to_owned(),
            reason: "no such host".into(),
        })
    }

    async fn image(&self, reference: &str) -> Result<Option<Image>> {
        let image = Image {
            id: "sha256:1".into(),
            tags: vec![format!("docker.io/library/{reference}")],
            digests: Vec::new(),
            size: 1,
            config: ImageConfig::default(),
        };
        let imported = self.imported.load(std::sync::atomic::Ordering::Relaxed);
        Ok((imported || reference != "missing:1").then_some(image))
    }

    async fn list_images(&self) -> Result<Vec<Image>> {
        Ok(Vec::new())
    }

    async fn remove_image(&self, _reference: &str) -> Result<()> {
        Ok(())
    }

    async fn image_usage(&self) -> Result<(u64, u64)> {
        Ok((0, 0))
    }

    async fn container_disk_usage(&self, _id: &str) -> Result<u64> {
        Ok(self.written.load(std::sync::atomic::Ordering::Relaxed))
    }

    async fn container_usage(&self, _id: &str) -> Result<Option<(u64, u64)>> {
        Ok(None)
    }
}

/// Gives out addresses.
#[derive(Default)]
pub(crate) struct FakeNetwork {
    attached: Mutex<HashMap<String, Vec<IpAddr>>>,
}

impl FakeNetwork {
    pub(crate) fn count(&self) -> usize {
        self.attached.lock().len()
    }
}

#[async_trait]
impl Network for FakeNetwork {
    async fn attach(
        &self,
        id: &str,
        netns: &Path,
        _pod: PodRequest,
    ) -> std::result::Result<Vec<IpAddr>, NetworkError> {
        if netns.exists() {
            // Of what a network does, a real sandbox needs loopback.
            let mut command = std::process::Command::new("/bin/busybox");
            command
                .arg("nsenter")
                .arg(format!("--net={}", netns.display()));
            command.args(["/bin/busybox", "ip", "link", "set", "lo", "up"]);
            assert!(command.status().unwrap().success());
        }
        let mut attached = self.attached.lock();
        let next = u8::try_from(attached.len() + 2).unwrap();
        Ok(attached
            .entry(id.to_owned())
            .or_insert_with(|| vec![IpAddr::from([10, 244, 0, next])])
            .clone())
    }

    async fn detach(&self, id: &str) -> std::result::Result<(), NetworkError> {
        self.attached.lock().remove(id);
        Ok(())
    }

    async fn attached(&self) -> std::result::Result<HashMap<String, Vec<IpAddr>>, NetworkError> {
        Ok(self.attached.lock().clone())
    }

    async fn reconcile(&self, live: HashSet<String>) -> std::result::Result<(), NetworkError> {
        self.attached.lock().retain(|id, _| live.contains(id));
        Ok(())
    }
}

/// No volumes.
pub(crate) struct FakeVolumes;

#[async_trait]
impl Volumes for FakeVolumes {
    async fn set_up(&self, _pod: &Pod) -> std::result::Result<(), VolumeError> {
        Ok(())
    }

    async fn refresh(&self, _pod: &Pod) -> std::result::Result<(), VolumeError> {
        Ok(())
    }

    fn due(&self, _end: jiff::Timestamp) -> Option<jiff::Timestamp> {
        None
    }

    async fn mounts(
        &self,
        _pod: &Pod,
        _container: &Container,
        _env: &[(String, String)],
    ) -> std::result::Result<Vec<Mount>, VolumeError> {
        Ok(Vec::new())
    }

    async fn tear_down(&self, _uid: &str) -> std::result::Result<(), VolumeError> {
        Ok(())
    }

    async fn over_limit(&self, _pod: &Pod) -> Option<String> {
        None
    }

    async fn disk_usage(&self, _pod: &Pod) -> u64 {
        0
    }
}
