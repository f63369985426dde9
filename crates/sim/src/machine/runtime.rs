//! A runtime whose containers are records. What it is asked for takes a while, and whoever asked may be gone before it is done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream;
use navarch_client::Clock;
use navarch_node::cri::*;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::faults::Faults;

/// How long making or starting something takes at most.
const WORK: Duration = Duration::from_millis(300);
/// How long a process takes to end when it is asked to, at most.
const ENDING: Duration = Duration::from_secs(2);
/// Events that wait for the agent.
const QUEUE: usize = 1024;

#[derive(Default)]
struct State {
    sandboxes: BTreeMap<String, SandboxRecord>,
    containers: BTreeMap<String, ContainerRecord>,
    count: u32,
    violations: Vec<String>,
}

/// The containers of a machine.
pub(crate) struct Containers {
    state: Mutex<State>,
    events: broadcast::Sender<ContainerEvent>,
    faults: Arc<Faults>,
    clock: Arc<dyn Clock>,
}

impl Containers {
    pub(crate) fn new(faults: Arc<Faults>, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::default(),
            events: broadcast::Sender::new(QUEUE),
            faults,
            clock,
        }
    }

    pub(crate) fn sandboxes(&self) -> Vec<SandboxRecord> {
        self.state.lock().sandboxes.values().cloned().collect()
    }

    pub(crate) fn containers(&self) -> Vec<ContainerRecord> {
        self.state.lock().containers.values().cloned().collect()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.state.lock().violations.clone()
    }

    pub(crate) fn power_off(&self) {
        let (mut state, now) = (self.state.lock(), self.now());
        for sandbox in state.sandboxes.values_mut() {
            sandbox.state = SandboxState::NotReady;
        }
        for container in state.containers.values_mut() {
            end(container, 255, now);
        }
    }

    /// Ends a running container by itself, if there is one; `pick` says which.
    pub(crate) fn crash(&self, pick: usize) {
        let (mut state, now) = (self.state.lock(), self.now());
        let running =
            |container: &&mut ContainerRecord| matches!(container.state, ContainerState::Running);
        let mut all: Vec<_> = state.containers.values_mut().filter(running).collect();
        let count = all.len().max(1);
        if let Some(container) = all.get_mut(pick % count) {
            end(container, 1, now);
            self.tell(&container.sandbox_id, &container.id);
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.clock.now().as_nanosecond()).unwrap_or(i64::MAX)
    }

    async fn work(&self) {
        tokio::time::sleep(self.faults.within(WORK)).await;
    }

    fn tell(&self, sandbox: &str, container: &str) {
        // Nobody may be listening: then the next agent lists.
        let _ = self.events.send(ContainerEvent::Container {
            sandbox_id: sandbox.to_owned(),
            container_id: container.to_owned(),
        });
    }
}

fn end(container: &mut ContainerRecord, code: i32, now: i64) {
    if container.state != ContainerState::Running {
        return;
    }
    container.state = ContainerState::Exited;
    container.pid = None;
    container.finished_at = now;
    container.exit = Some(ExitStatus {
        code,
        reason: if code == 0 { "Completed" } else { "Error" }.into(),
        ..ExitStatus::default()
    });
}

fn absent() -> Error {
    Error::State("not in a simulation".into())
}

#[async_trait]
impl Runtime for Containers {
    fn version(&self) -> String {
        "sim://1".into()
    }

    async fn run_sandbox(&self, config: SandboxConfig) -> Result<SandboxRecord> {
        self.work().await;
        let record = {
            let mut state = self.state.lock();
            let live = |other: &&SandboxRecord| {
                other.config.uid == config.uid && other.state == SandboxState::Ready
            };
            if let Some(other) = state.sandboxes.values().find(live) {
                let (pod, id) = (&config.name, other.id.clone());
                let violation = format!("a second sandbox for pod {pod} beside {id}");
                state.violations.push(violation);
            }
            state.count += 1;
            let record = SandboxRecord {
                id: format!("s{}", state.count),
                netns: Some(PathBuf::from("/none")),
                config,
                state: SandboxState::Ready,
                created_at: self.now(),
            };
            state.sandboxes.insert(record.id.clone(), record.clone());
            record
        };
        self.work().await;
        Ok(record)
    }

    async fn end_sandbox(&self, id: &str) -> Result<()> {
        self.stop_sandbox(id).await
    }

    async fn stop_sandbox(&self, id: &str) -> Result<()> {
        self.work().await;
        let (mut state, now) = (self.state.lock(), self.now());
        for container in state.containers.values_mut() {
            if container.sandbox_id == id {
                end(container, 137, now);
            }
        }
        if let Some(sandbox) = state.sandboxes.get_mut(id) {
            sandbox.state = SandboxState::NotReady;
        }
        Ok(())
    }

    async fn remove_sandbox(&self, id: &str) -> Result<()> {
        self.work().await;
        let mut state = self.state.lock();
        state.sandboxes.remove(id);
        state
            .containers
            .retain(|_, container| container.sandbox_id != id);
        Ok(())
    }

    async fn list_sandboxes(&self) -> Result<Vec<SandboxRecord>> {
        Ok(self.sandboxes())
    }

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
    ) -> Result<ContainerRecord> {
        self.work().await;
        let mut state = self.state.lock();
        state.count += 1;
        let record = ContainerRecord {
            id: format!("c{}", state.count),
            sandbox_id: sandbox_id.to_owned(),
            image_id: config.image.clone(),
            config,
            state: ContainerState::Created,
            pid: None,
            created_at: self.now(),
            started_at: 0,
            finished_at: 0,
            exit: None,
        };
        state.containers.insert(record.id.clone(), record.clone());
        Ok(record)
    }

    async fn start_container(&self, id: &str) -> Result<ContainerRecord> {
        self.work().await;
        let started = {
            let (mut state, now) = (self.state.lock(), self.now());
            let Some(container) = state.containers.get(id).cloned() else {
                return Err(Error::NotFound(id.to_owned()));
            };
            let sandbox = state.sandboxes.get(&container.sandbox_id);
            if sandbox.is_none_or(|sandbox| sandbox.state != SandboxState::Ready) {
                return Err(Error::State(format!("the sandbox of {id} is gone")));
            }
            let twin = |other: &&ContainerRecord| {
                other.sandbox_id == container.sandbox_id
                    && other.config.name == container.config.name
                    && other.state == ContainerState::Running
            };
            if let Some(other) = state.containers.values().find(twin) {
                let violation = format!("{id} runs beside {}, of one name", other.id);
                state.violations.push(violation);
            }
            let Some(container) = state.containers.get_mut(id) else {
                return Err(Error::NotFound(id.to_owned()));
            };
            container.state = ContainerState::Running;
            container.pid = Some(1);
            container.started_at = now;
            container.clone()
        };
        self.tell(&started.sandbox_id, id);
        self.work().await;
        Ok(started)
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<()> {
        let ending = self.faults.within(ENDING).min(grace);
        tokio::time::sleep(ending).await;
        let (mut state, now) = (self.state.lock(), self.now());
        if let Some(container) = state.containers.get_mut(id) {
            end(container, 0, now);
            self.tell(&container.sandbox_id, id);
        }
        Ok(())
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        self.work().await;
        self.state.lock().containers.remove(id);
        Ok(())
    }

    async fn container(&self, id: &str) -> Result<ContainerRecord> {
        let state = self.state.lock();
        let found = state.containers.get(id).cloned();
        found.ok_or_else(|| Error::NotFound(id.to_owned()))
    }

    async fn list_containers(&self) -> Result<Vec<ContainerRecord>> {
        Ok(self.containers())
    }

    async fn update_container(
        &self,
        _: &str,
        _: Resources,
        _: BTreeMap<String, String>,
    ) -> Result<()> {
        Ok(())
    }

    async fn update_sandbox(
        &self,
        _: &str,
        _: Resources,
        _: BTreeMap<String, String>,
    ) -> Result<()> {
        Ok(())
    }

    async fn reopen_log(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn exec_sync(&self, _: &str, _: Vec<String>, _: Duration) -> Result<ExecOutput> {
        Ok(ExecOutput::default())
    }

    async fn exec(&self, _: &str, _: ExecRequest) -> Result<ExecStreams> {
        Err(absent())
    }

    async fn attach(&self, _: &str, _: ExecRequest) -> Result<ExecStreams> {
        Err(absent())
    }

    async fn port_forward(&self, _: &str, _: u16) -> Result<Box<dyn Duplex>> {
        Err(absent())
    }

    fn events(&self) -> EventStream {
        let receiver = self.events.subscribe();
        Box::pin(stream::unfold(receiver, |mut receiver| async {
            let event = match receiver.recv().await {
                Ok(event) => event,
                Err(broadcast::error::RecvError::Lagged(_)) => ContainerEvent::Lagged,
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((event, receiver))
        }))
    }

    async fn pull_image(&self, reference: &str, _: Option<Credentials>) -> Result<PullProgress> {
        Err(Error::Pull {
            reference: reference.to_owned(),
            reason: "no such host".into(),
        })
    }

    async fn image(&self, reference: &str) -> Result<Option<Image>> {
        Ok(Some(Image {
            id: "sha256:1".into(),
            tags: vec![reference.to_owned()],
            digests: Vec::new(),
            size: 1,
            config: ImageConfig::default(),
        }))
    }

    async fn list_images(&self) -> Result<Vec<Image>> {
        Ok(Vec::new())
    }

    async fn remove_image(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn image_usage(&self) -> Result<(u64, u64)> {
        Ok((0, 0))
    }

    async fn container_disk_usage(&self, _: &str) -> Result<u64> {
        Ok(0)
    }

    async fn container_usage(&self, _: &str) -> Result<Option<(u64, u64)>> {
        Ok(None)
    }
}
