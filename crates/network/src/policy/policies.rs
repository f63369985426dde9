//! Network policies as the node uses them: a handle on what runs.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use navarch_client::{Client, Informer, InformerOptions, ListOptions};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::local::{LocalPod, PodName};
use super::shell::{Peers, Shell, THREAD};
use crate::Attachment;
use crate::error::{Degradation, PolicyError};
use crate::netfilter::tables;
use crate::owned::Owned;
use crate::task::Task;

/// How long a pod waits for its policies. One that has waited in vain does not start, and is tried again.
const ADMISSION: Duration = Duration::from_secs(10);

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
    /// How often something has changed.
    pub(super) changes: watch::Sender<u64>,
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
            changes: watch::Sender::new(1),
        });
        let (sender, outcome) = watch::channel(Outcome::default());
        let shell = Shell {
            shared: shared.clone(),
            table: config.table,
            netns: config.netns,
            kernel: None,
            foreign: Arc::default(),
            outcome: sender,
            applied: None,
            owes_cut: false,
        };
        Self {
            shared,
            outcome,
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
            self.shared.changed();
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
        let sequence = shared.changed();
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

    /// The revision of what the API has now of a pod's policies. Where it cannot be asked, what is known must do.
    async fn newest_policy(&self, pod: &PodName) -> u64 {
        let options = ListOptions {
            namespace: Some(pod.namespace.clone()),
            ..ListOptions::default()
        };
        match self.shared.client.list::<NetworkPolicy>(&options).await {
            Ok(list) => {
                let versions = list.items.iter();
                let versions =
                    versions.filter_map(|p| p.metadata.resource_version.as_ref()?.parse().ok());
                versions.max().unwrap_or(0)
            }
            Err(error) => {
                tracing::debug!(%error, "the API cannot be asked for policies");
                0
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

    /// Waits until the rules are what the API has said up to a revision of policies, or later; of pods, what it has said by then.
    pub async fn applied(&self, revision: u64) {
        self.shared.policies.reached(revision).await;
        let sequence = self.shared.changed();
        let mut outcome = self.outcome.clone();
        let is_applied = |o: &Outcome| o.sequence >= sequence && o.failure.is_none();
        // Fails when this ends: then nothing is applied any more.
        let _ = outcome.wait_for(is_applied).await;
    }

    /// What the node does without, if the kernel refuses the rules.
    pub fn degradation(&self) -> Option<Degradation> {
        let failure = self.outcome.borrow().failure.clone();
        failure.map(Degradation::NoPolicies)
    }

    /// Removes what was made under that name. Nothing of it may be running.
    pub async fn remove_everything(config: NetworkPoliciesConfig) -> Result<(), PolicyError> {
        let removed = Owned::start(THREAD, config.netns, move || {
            tables::remove_all(&config.table).map_err(PolicyError::from)
        });
        removed.await.map(drop)
    }
}
