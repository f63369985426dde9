//! A node: an agent that can be killed, on a machine that goes on.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use navarch_client::{Client, Clock};
use navarch_node::{Agent, NodeOptions, NodeParts, service_view};
use tokio::task::JoinHandle;

use crate::machine::{Machine, NoVolumes};

/// How long a node waits that could not register.
const AGAIN: Duration = Duration::from_secs(1);

/// How an agent speaks: as its node, and as the part that sends traffic to services.
pub(crate) struct Speaks {
    pub(crate) node: Client,
    pub(crate) service_proxy: Client,
}

/// A node.
pub struct SimNode {
    /// Its name.
    pub name: String,
    /// What it runs on.
    pub machine: Arc<Machine>,
    address: IpAddr,
    clock: Arc<dyn Clock>,
    agent: Option<JoinHandle<()>>,
}

impl SimNode {
    pub(crate) fn new(
        name: String,
        address: IpAddr,
        machine: Machine,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            name,
            machine: Arc::new(machine),
            address,
            clock,
            agent: None,
        }
    }

    /// Starts its agent, if none runs.
    pub(crate) fn start(&mut self, speaks: Speaks) {
        if self.agent.is_some() {
            return;
        }
        let directory = self.machine.directory.path().to_path_buf();
        let mut options = NodeOptions::new(&self.name, self.address, directory);
        options.resolv_conf = "/dev/null".into();
        let (machine, clock) = (self.machine.clone(), self.clock.clone());
        self.agent = Some(tokio::spawn(async move {
            loop {
                let parts = NodeParts {
                    options: options.clone(),
                    client: speaks.node.clone(),
                    view: service_view(&speaks.service_proxy),
                    runtime: machine.containers.clone(),
                    network: machine.wires.clone(),
                    volumes: Arc::new(NoVolumes),
                    clock: clock.clone(),
                    services_applied: None,
                };
                match Agent::start(parts).await {
                    Ok(_agent) => std::future::pending().await,
                    Err(error) => tracing::debug!(%error, "a node could not start"),
                }
                tokio::time::sleep(AGAIN).await;
            }
        }));
    }

    /// Kills its agent, wherever it is.
    pub fn kill(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.abort();
        }
    }

    /// Kills its agent, and takes the machine's power away for a moment.
    pub fn reboot(&mut self) {
        self.kill();
        self.machine.reboot();
    }

    /// Ends a container by itself.
    pub fn crash_container(&self, pick: usize) {
        self.machine.containers.crash(pick);
    }
}

impl Drop for SimNode {
    fn drop(&mut self) {
        self.kill();
    }
}
