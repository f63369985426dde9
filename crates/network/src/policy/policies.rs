//! Network policies as the node uses them: a handle on what runs.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use navarch_client::{Client, Informer, InformerOptions, ListOptions};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::cuts::Cuts;
use super::local::{LocalPod, PodName};
use super::shell::{Peers, Shell, THREAD};
use crate::Attachment;
use crate::error::{Degradation, PolicyError};
use crate::netfilter::tables;
use crate::owned::Owned;
use crate::task::Task;

/// How long a pod waits for its policies. One that has waited in vain does not start, and is tried again.
const ADMISSION: Duration = Duration::from_secs(10);
/// Between two questions, where the API did not answer the first.
const ASKING: Duration = Duration::from_millis(500);

/// The port that rules name for DNS.
const DNS: u16 = 53;

/// A node's network policies.
#[derive(Debug, Clone)]
pub struct NetworkPoliciesConfig {
    /// The name of the nftables tables (families `ip` and `ip6`) that hold the rules; whatever else is in them goes.
    pub table: String,
    /// The network namespace that the rules are for; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

/// What keeps the rules. They stay when it is dropped: pods stay isolated while a node's agent is being replaced.
pub struct NetworkPolicies {
    shared: Arc<Shared>,
    outcome: watch::Receiver<Outcome>,
    degradations: watch::Receiver<Vec<Degradation>>,
    _task: Task,
}

/// What is known and asked for.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) policies: Informer<NetworkPolicy>,
    /// `None` while there are no policies, or it is not known who there is.
    pub(super) peers: watch::Sender<Option<Peers>>,
    /// By sandbox.
    pub(super) local: Mutex<BTreeMap<String, LocalPod>>,
    /// Where this node answers cluster DNS.
    pub(super) dns: Mutex<Option<SocketAddr>>,
    /// How often something has changed.
    pub(super) changes: watch::Sender<u64>,
    /// Rings where somebody waits for it.
    pub(super) urgent: Notify,
}

/// How the last look went.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    /// With everything that had changed by then.
    pub(super) sequence: u64,
    /// Why the rules are not what they should be.
    pub(super) failure: Option<String>,
    /// Then: who should be isolated.
    pub(super) isolated: HashSet<IpAddr>,
}

impl Shared {
    /// Returns the number that a look has which knows of it.
    pub(super) fn changed(&self) -> u64 {
        self.changes.send_modify(|changes| *changes += 1);
        *self.changes.borrow()
    }

    /// The same, where somebody waits for it.
    fn changed_now(&self) -> u64 {
        let sequence = self.changed();
        self.urgent.notify_one();
        sequence
    }

    /// Whether a pod is attached here, as far as its name tells.
    pub(super) fn is_local(&self, pod: &Pod) -> bool {
        let (name, namespace) = (&pod.metadata.name, &pod.metadata.namespace);
        let local = self.local.lock();
        let mut names = local.values().map(|local| &local.pod);
        names.any(|of| name.as_ref() == Some(&of.name) && namespace.as_ref() == Some(&of.namespace))
    }
}

impl NetworkPolicies {
    /// Starts to keep the rules for the pods that are attached. Those that an earlier run left hold until the API has said what there is
    /// now. The client must be one that may list policies, namespaces and pods.
    pub fn start(
        config: NetworkPoliciesConfig,
        client: &Client,
        attachments: &[Attachment],
    ) -> Self {
        let local = attachments.iter().filter_map(|attachment| {
            let pod = attachment.pod.clone()?;
            let ips = attachment.ips.clone();
            Some((attachment.sandbox_id.clone(), LocalPod { pod, ips }))
        });
        let shared = Arc::new(Shared {
            client: client.clone(),
            policies: Informer::start(client.clone(), InformerOptions::default()),
            peers: watch::Sender::new(None),
            local: Mutex::new(local.collect()),
            dns: Mutex::default(),
            changes: watch::Sender::new(1),
            urgent: Notify::new(),
        });
        let (sender, outcome) = watch::channel(Outcome::default());
        let (reporting, degradations) = watch::channel(Vec::new());
        let shell = Shell {
            shared: shared.clone(),
            table: config.table,
            netns: config.netns,
            kernel: None,
            foreign: Arc::default(),
            outcome: sender,
            applied: None,
            cuts: Cuts::default(),
            unneeded: None,
            degradations: reporting,
        };
        Self {
            shared,
            outcome,
            degradations,
            _task: Task::spawn(shell.run()),
        }
    }

    /// Returns when everything that policies say of a pod holds: before that, nothing of it may run. To be called when it is attached.
    pub async fn admit(
        &self,
        sandbox_id: &str,
        pod: PodName,
        ips: &[IpAddr],
    ) -> Result<(), PolicyError> {
        let local = LocalPod {
            pod: pod.clone(),
            ips: ips.to_vec(),
        };
        let known = self
            .shared
            .local
            .lock()
            .insert(sandbox_id.to_owned(), local);
        if known.is_none_or(|known| known.ips != ips) {
            self.shared.changed_now();
        }
        let admitted = tokio::time::timeout(ADMISSION, self.hold(&pod, ips)).await;
        admitted.unwrap_or(Err(PolicyError::Late))
    }

    async fn hold(&self, pod: &PodName, ips: &[IpAddr]) -> Result<(), PolicyError> {
        let shared = &self.shared;
        shared.policies.synced().await;
        shared.policies.reached(self.newest_policy(pod).await).await;
        let policies = shared.policies.snapshot();
        if policies.in_namespace(&pod.namespace).next().is_none() {
            return Ok(());
        }
        self.seen(pod).await;
        let sequence = shared.changed_now();
        let mut outcome = self.outcome.clone();
        let outcome = outcome
            .wait_for(|outcome| outcome.sequence >= sequence)
            .await;
        let outcome = outcome.map_err(|_| PolicyError::Stopped)?;
        match &outcome.failure {
            Some(reason) if ips.iter().any(|ip| outcome.isolated.contains(ip)) => {
                Err(PolicyError::NotApplied(reason.clone()))
            }
            _ => Ok(()),
        }
    }

    /// The revision of what the API has now of a pod's policies. What was known before must not do where it cannot be asked: the pod may have been
    /// made since, and its policies with it.
    async fn newest_policy(&self, pod: &PodName) -> u64 {
        let options = ListOptions {
            namespace: Some(pod.namespace.clone()),
            ..ListOptions::default()
        };
        loop {
            match self.shared.client.list::<NetworkPolicy>(&options).await {
                Ok(list) => {
                    let versions = list.items.iter();
                    let versions =
                        versions.filter_map(|p| p.metadata.resource_version.as_ref()?.parse().ok());
                    return versions.max().unwrap_or(0);
                }
                Err(error) => {
                    tracing::debug!(%error, "the API cannot be asked for policies");
                    tokio::time::sleep(ASKING).await;
                }
            }
        }
    }

    /// Waits until the pod is among those that policies select from.
    async fn seen(&self, pod: &PodName) {
        let mut changes = self.shared.changes.subscribe();
        let mut followed = self.shared.peers.subscribe();
        loop {
            changes.mark_unchanged();
            let peers = followed.borrow_and_update().clone();
            let found = peers.and_then(|peers| peers.pods.get(&pod.key()));
            if found.is_some_and(|found| found.metadata.uid.as_ref() == Some(&pod.uid)) {
                return;
            }
            tokio::select! {
                _ = changes.changed() => {}
                _ = followed.changed() => {}
            }
        }
    }

    /// A sandbox is not attached any more.
    pub fn dismiss(&self, sandbox_id: &str) {
        if self.shared.local.lock().remove(sandbox_id).is_some() {
            self.shared.changed();
        }
    }

    /// No sandboxes are attached but these.
    pub fn retain(&self, live: &HashSet<String>) {
        self.shared.local.lock().retain(|id, _| live.contains(id));
        self.shared.changed();
    }

    /// Where this node answers cluster DNS: what its pods ask there is judged as if the pods of `kube-dns` were asked. Rules name their port;
    /// where another program of the host has that, what is asked at another is let through.
    pub fn judge_dns_at(&self, address: SocketAddr) {
        if address.port() == DNS {
            *self.shared.dns.lock() = Some(address);
            self.shared.changed();
        } else {
            tracing::warn!(%address, "cluster DNS is not at its port, so no policy is for it");
        }
    }

    /// What the node does without: if the kernel refuses the rules, or policies say too much. Changes are told.
    pub fn degradations(&self) -> watch::Receiver<Vec<Degradation>> {
        self.degradations.clone()
    }

    /// Removes what was made under that name. Nothing of it may be running.
    pub async fn remove_everything(config: NetworkPoliciesConfig) -> Result<(), PolicyError> {
        let removed = Owned::start(THREAD, config.netns, move || {
            tables::remove_all(&config.table).map_err(PolicyError::from)
        });
        removed.await.map(drop)
    }
}
