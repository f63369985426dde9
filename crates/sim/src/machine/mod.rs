//! A node's machine: what runs on it outlives the agent, and ends when it loses power.

mod network;
mod runtime;
mod volumes;

use std::sync::Arc;

use navarch_client::Clock;
use navarch_node::cri::{ContainerRecord, ContainerState, SandboxRecord, SandboxState};

use crate::faults::Faults;

pub(crate) use network::Wires;
pub(crate) use runtime::Containers;
pub(crate) use volumes::NoVolumes;

/// A machine.
pub struct Machine {
    pub(crate) containers: Arc<Containers>,
    pub(crate) wires: Arc<Wires>,
    pub(crate) directory: tempfile::TempDir,
}

impl Machine {
    /// Machine number `number`, with nothing on it.
    ///
    /// # Errors
    /// The host has no room for its directory.
    pub(crate) fn new(
        number: u8,
        faults: Arc<Faults>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            containers: Arc::new(Containers::new(faults, clock)),
            wires: Arc::new(Wires::new(number)),
            directory: tempfile::tempdir()?,
        })
    }

    /// The power goes and comes back: nothing runs any more, and the records say so.
    pub fn reboot(&self) {
        self.containers.power_off();
        self.wires.power_off();
    }

    /// The sandboxes that live.
    pub fn sandboxes(&self) -> Vec<SandboxRecord> {
        let ready = |sandbox: &SandboxRecord| sandbox.state == SandboxState::Ready;
        let all = self.containers.sandboxes();
        all.into_iter().filter(ready).collect()
    }

    /// The containers that run.
    pub fn running(&self) -> Vec<ContainerRecord> {
        let running = |container: &ContainerRecord| container.state == ContainerState::Running;
        let all = self.containers.containers();
        all.into_iter().filter(running).collect()
    }

    /// How many sandboxes have an address.
    pub fn attached(&self) -> usize {
        self.wires.count()
    }

    /// What ran that must not, as two sandboxes of one pod.
    pub fn violations(&self) -> Vec<String> {
        self.containers.violations()
    }
}
