//! Volumes, sandbox and network of a pod.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use navarch_client::EventType;
use navarch_network::{PodDns, PodName, PodRequest};
use navarch_runtime::cri::SandboxRecord;

use super::Worker;
use crate::container_config::{host_ports, sandbox_config};
use crate::lifecycle::SetUpFailure;
use crate::{pod_files, spec};

impl Worker {
    /// Makes what containers need, and queues the pod.
    pub(super) async fn set_up(
        &self,
        uid: String,
        pod: Arc<Pod>,
        attempt: u32,
        sandbox: Option<String>,
    ) {
        let result = self.try_set_up(&pod, attempt, sandbox).await;
        let now = self.clock.now();
        self.memories.change(&uid, |history| {
            history.setting_up = false;
            match result {
                Ok(attached) => {
                    history.attached = Some(attached);
                    history.set_up_failure = None;
                }
                Err((reason, message)) => {
                    self.events
                        .event(&*pod, EventType::Warning, reason, message);
                    let earlier = history.set_up_failure.as_ref();
                    history.set_up_failure = Some(SetUpFailure::again(earlier, now));
                }
            }
        });
        self.queue.add(uid);
    }

    async fn try_set_up(
        &self,
        pod: &Pod,
        attempt: u32,
        sandbox: Option<String>,
    ) -> Result<(String, Vec<IpAddr>), (&'static str, String)> {
        // Beside each other: either asks for what the other does not have.
        let (volumes, connected) = tokio::join!(
            self.volumes.set_up(pod),
            self.connect(pod, attempt, sandbox)
        );
        volumes.map_err(|error| ("FailedMount", error.told()))?;
        let (sandbox, ips) = connected.map_err(|error| cannot_create(&error))?;
        let written = pod_files::write(pod, &ips, &self.options).await;
        written
            .map_err(|error| cannot_create(&format!("failed to write the pod's files: {error}")))?;
        Ok((sandbox, ips))
    }

    /// A sandbox and its addresses. Error: for people.
    async fn connect(
        &self,
        pod: &Pod,
        attempt: u32,
        sandbox: Option<String>,
    ) -> Result<(String, Vec<IpAddr>), String> {
        if spec::spec(pod).host_users == Some(false) {
            // To run it as the host's users would be less than it asks for.
            return Err("this node does not support user namespaces".to_owned());
        }
        let sandbox = self.sandbox(pod, attempt, sandbox).await?;
        let Some(netns) = &sandbox.netns else {
            return Ok((sandbox.id, Vec::new()));
        };
        let ips = self
            .network
            .attach(&sandbox.id, netns, request(pod, &sandbox))
            .await
            .map_err(|error| {
                format!(
                    "failed to setup network for sandbox {:?}: {error}",
                    sandbox.id
                )
            })?;
        Ok((sandbox.id, ips))
    }

    async fn sandbox(
        &self,
        pod: &Pod,
        attempt: u32,
        known: Option<String>,
    ) -> Result<SandboxRecord, String> {
        let actual = self.view.of_pod(spec::uid(pod));
        if let Some(found) = actual
            .sandboxes
            .iter()
            .find(|s| Some(&s.id) == known.as_ref())
        {
            return Ok((**found).clone());
        }
        // What is left of dead sandboxes must not hold ports and addresses; their records tell of containers that ran.
        for dead in &actual.sandboxes {
            self.give_up(&dead.id).await?;
        }
        let config = sandbox_config(pod, attempt, &self.options);
        let made = self.runtime.run_sandbox(config).await;
        let record = made.map_err(|error| error.to_string())?;
        self.view.put_sandbox(record.clone());
        Ok(record)
    }
}

/// What a pod asks of the network.
fn request(pod: &Pod, sandbox: &SandboxRecord) -> PodRequest {
    let name = PodName {
        namespace: spec::namespace(pod).to_owned(),
        name: spec::name(pod).to_owned(),
        uid: spec::uid(pod).to_owned(),
    };
    let dns = sandbox.config.dns.as_ref().map(|dns| PodDns {
        servers: dns.servers.clone(),
        searches: dns.searches.clone(),
        options: dns.options.clone(),
    });
    PodRequest {
        name,
        ports: host_ports(pod),
        annotations: pod.metadata.annotations.clone().unwrap_or_default(),
        dns,
    }
}

fn cannot_create(error: &str) -> (&'static str, String) {
    (
        "FailedCreatePodSandBox",
        format!("Failed to create pod sandbox: {error}"),
    )
}
