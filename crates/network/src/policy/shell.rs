//! Follows policies, namespaces and pods, and has the kernel's tables follow them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use navarch_client::{Informer, InformerOptions};
use tokio::sync::{Notify, watch};

use super::element::{Elements, Key};
use super::kernel::{Change, Kernel};
use super::plan::{Cluster, plan};
use super::pods;
use super::policies::{Outcome, Shared};
use crate::error::PolicyError;
use crate::netfilter::watch::SETTLE;
use crate::owned::{Gone, Owned};
use crate::task::Task;

/// How often the kernel's tables are compared with what they should be: somebody else may have changed them.
const COMPARISON: Duration = Duration::from_secs(300);
/// After the kernel refused.
const RETRY: Duration = Duration::from_secs(1);
/// The name of the thread that speaks with the kernel.
pub(super) const THREAD: &str = "policies";

/// Whom rules can name. Followed only while there are policies.
#[derive(Clone)]
pub(super) struct Peers {
    pub(super) namespaces: Informer<Namespace>,
    pub(super) pods: Informer<Pod>,
}

pub(super) struct Shell {
    pub(super) shared: Arc<Shared>,
    pub(super) table: String,
    pub(super) netns: Option<PathBuf>,
    /// Opened when it is needed first, with what listens for others' changes of its tables.
    pub(super) kernel: Option<(Owned<Kernel>, Option<Task>)>,
    /// Rings at those.
    pub(super) foreign: Arc<Notify>,
    pub(super) outcome: watch::Sender<Outcome>,
    /// What the kernel's tables hold, if that is known.
    pub(super) applied: Option<Elements>,
    /// Whether connections may go on that are not allowed any more.
    pub(super) owes_cut: bool,
}

impl Shell {
    pub(super) async fn run(mut self) {
        self.shared.policies.synced().await;
        let shared = Arc::downgrade(&self.shared);
        self.shared.policies.on_change(move |_, _| {
            if let Some(shared) = shared.upgrade() {
                shared.changed();
            }
        });
        let mut changes = self.shared.changes.subscribe();
        let mut comparison = tokio::time::interval(COMPARISON);
        comparison.tick().await;
        loop {
            let sequence = *changes.borrow_and_update();
            let Some(wanted) = self.plan().await else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            match self.apply(&wanted).await {
                Ok(is_less) => {
                    self.owes_cut |= is_less;
                    if self.owes_cut {
                        self.cut(wanted.clone()).await;
                    }
                    self.tell(sequence, &wanted, None);
                }
                Err(error) => {
                    if matches!(error, PolicyError::Stopped) {
                        // Its thread is gone: the next try has another.
                        self.kernel = None;
                    }
                    // Once, and not with every try.
                    if self.outcome.borrow().failure != Some(error.to_string()) {
                        tracing::error!(%error, "network policies are not applied on this node");
                    }
                    self.applied = None;
                    self.tell(sequence, &wanted, Some(&error));
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return;
                },
                _ = comparison.tick() => self.compare().await,
                () = self.foreign.notified() => {
                    tokio::time::sleep(SETTLE).await;
                    self.compare().await;
                }
                () = tokio::time::sleep(RETRY), if self.owes_cut => {}
            }
        }
    }

    /// `None`: it panicked, which the log has.
    async fn plan(&self) -> Option<Elements> {
        let policies = self.shared.policies.snapshot();
        if policies.is_empty() {
            self.shared.peers.send_replace(None);
            return Some(Elements::new());
        }
        let peers = self.peers().await;
        let (namespaces, pods) = (peers.namespaces.snapshot(), peers.pods.snapshot());
        let local = self.shared.local.lock().clone();
        let planned = tokio::task::spawn_blocking(move || {
            plan(&Cluster {
                policies: &policies,
                namespaces: &namespaces,
                pods: &pods,
                local: &local,
            })
        });
        let planned = planned.await;
        planned
            .inspect_err(|error| tracing::error!(%error, "what policies say cannot be worked out"))
            .ok()
    }

    /// Starts to follow them where that has not been done, and waits until they are known.
    async fn peers(&self) -> Peers {
        let known = self.shared.peers.borrow().clone();
        let peers = match known {
            Some(peers) => return peers,
            None => Peers {
                namespaces: Informer::start(self.shared.client.clone(), InformerOptions::default()),
                pods: Informer::start(self.shared.client.clone(), InformerOptions::default()),
            },
        };
        tokio::join!(peers.namespaces.synced(), peers.pods.synced());
        let shared = Arc::downgrade(&self.shared);
        peers.namespaces.on_change(move |old, new| {
            let labels = |namespace: &Arc<Namespace>| namespace.metadata.labels.clone();
            if old.map(labels) != new.map(labels)
                && let Some(shared) = shared.upgrade()
            {
                shared.changed();
            }
        });
        let shared = Arc::downgrade(&self.shared);
        peers.pods.on_change(move |old, new| {
            let same = matches!((old, new), (Some(old), Some(new)) if !pods::differ(old, new));
            if !same && let Some(shared) = shared.upgrade() {
                shared.changed();
            }
        });
        self.shared.peers.send_replace(Some(peers.clone()));
        peers
    }

    /// Returns whether less may be let through than before.
    async fn apply(&mut self, wanted: &Elements) -> Result<bool, PolicyError> {
        let is_less = match &self.applied {
            Some(applied) => {
                let change = difference(applied, wanted);
                let is_less = lets_less_through(&change);
                if !(change.0.is_empty() && change.1.is_empty()) {
                    let kernel = self.kernel().await?;
                    kernel.run(move |kernel| kernel.change(&change)).await??;
                }
                is_less
            }
            None => {
                let kernel = match self.kernel().await {
                    // A host that cannot have rules has none left over either.
                    Err(error) if wanted.is_empty() => {
                        tracing::debug!(%error, "there are no policies to apply");
                        return Ok(false);
                    }
                    kernel => kernel?,
                };
                let all = wanted.clone();
                kernel.run(move |kernel| kernel.replace(&all)).await??;
                true
            }
        };
        self.applied = Some(wanted.clone());
        Ok(is_less)
    }

    /// Looks whether the kernel has what it was told. If it has not, or that cannot be told, it is told anew.
    async fn compare(&mut self) {
        let (Some(applied), Some((kernel, _))) = (self.applied.clone(), &self.kernel) else {
            return;
        };
        let intact = kernel.run(move |kernel| kernel.is_intact(&applied)).await;
        if !matches!(intact, Ok(Ok(true))) {
            tracing::debug!(?intact, "the tables of policies are compared");
            self.applied = None;
        }
    }

    /// Ends what may not go on; what cannot be ended now is tried again.
    async fn cut(&mut self, wanted: Elements) {
        let cut = async {
            let kernel = self.kernel().await?;
            kernel.run(move |kernel| kernel.cut(&wanted)).await?
        };
        match cut.await {
            Ok(cut) => {
                self.owes_cut = false;
                if cut > 0 {
                    tracing::info!(cut, "policies no longer allow connections, which are ended");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "connections that policies no longer allow go on");
            }
        }
    }

    async fn kernel(&mut self) -> Result<Owned<Kernel>, PolicyError> {
        if let Some((kernel, _)) = &self.kernel {
            return Ok(kernel.clone());
        }
        let table = self.table.clone();
        let open = move || Kernel::open(&table);
        let kernel = Owned::start(THREAD, self.netns.clone(), open).await?;
        let watch = kernel.run(|kernel| kernel.watch()).await?;
        let followed = watch.and_then(|watch| watch.follow(self.foreign.clone()));
        if let Err(error) = &followed {
            tracing::warn!(%error, "what others change of the tables of policies is seen late");
        }
        self.kernel = Some((kernel.clone(), followed.ok()));
        Ok(kernel)
    }

    fn tell(&self, sequence: u64, wanted: &Elements, failure: Option<&PolicyError>) {
        let isolated = wanted.keys().filter_map(|key| match key {
            Key::Isolated(address) => Some(*address),
            _ => None,
        });
        let isolated: HashSet<IpAddr> = match failure {
            // Of use to nobody.
            None => HashSet::new(),
            Some(_) => isolated.collect(),
        };
        self.outcome.send_replace(Outcome {
            sequence,
            failure: failure.map(ToString::to_string),
            isolated,
        });
    }
}

/// What is to be removed and added, so that the one becomes the other.
fn difference(old: &Elements, new: &Elements) -> Change {
    let only_in = |one: &Elements, other: &Elements| {
        let elements = one.iter();
        elements
            .filter(|(key, value)| other.get(key) != Some(value))
            .map(|(key, value)| (*key, *value))
            .collect()
    };
    (only_in(old, new), only_in(new, old))
}

fn lets_less_through((removed, added): &Change) -> bool {
    removed.iter().any(|(key, _)| key.permits()) || added.iter().any(|(key, _)| !key.permits())
}

impl From<Gone> for PolicyError {
    fn from(_: Gone) -> Self {
        Self::Stopped
    }
}
