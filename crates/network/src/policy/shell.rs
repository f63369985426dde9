//! Follows policies, namespaces and pods, and has the kernel's tables follow them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use navarch_client::{Informer, InformerOptions};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, Interval};

use super::cuts::Cuts;
use super::element::{Elements, Key};
use super::kernel::{Change, Kernel};
use super::local::LocalPod;
use super::plan::{Cluster, Plan, plan};
use super::pods;
use super::policies::{Outcome, Shared};
use crate::error::{Degradation, PolicyError};
use crate::netfilter::watch::SETTLE;
use crate::owned::{Gone, Owned};
use crate::task::Task;

/// How often the kernel's tables are compared with what they should be: somebody else may have changed them.
const COMPARISON: Duration = Duration::from_secs(300);
/// After the kernel refused.
const RETRY: Duration = Duration::from_secs(1);
/// The least between two rounds, but for pods that wait to begin: in a large cluster pods come and go all the time.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the API may take to say who there is until that is complained of.
const PATIENCE: Duration = Duration::from_secs(10);
/// The name of the thread that speaks with the kernel.
pub(super) const THREAD: &str = "policies";

/// Whom rules can name. Followed only while a namespace of this node's pods has policies, and for a while after.
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
    /// Whose connections may go on although they are not allowed any more.
    pub(super) cuts: Cuts,
    /// Since when nobody needs to know who there is.
    pub(super) unneeded: Option<Instant>,
    pub(super) degradations: watch::Sender<Vec<Degradation>>,
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
            if !self.round(sequence).await {
                tokio::time::sleep(RETRY).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.shared.urgent.notified() => {}
            }
            if !self.rest(&mut changes, &mut comparison).await {
                return;
            }
        }
    }

    /// Has the kernel be as policies say now. Says whether it is.
    async fn round(&mut self, sequence: u64) -> bool {
        let Some(wanted) = self.plan().await else {
            return false;
        };
        match self.apply(&wanted.elements).await {
            Ok(()) => {
                if self.cuts.due().is_some_and(|due| due <= Instant::now()) {
                    self.cut().await;
                }
                self.tell(sequence, wanted, None);
                true
            }
            Err(error) => {
                if matches!(error, PolicyError::Stopped) {
                    // Its thread is gone: the next try has another.
                    self.kernel = None;
                }
                self.applied = None;
                self.tell(sequence, wanted, Some(&error));
                false
            }
        }
    }

    /// Until there is something to do. Says whether there will ever be.
    async fn rest(
        &mut self,
        changes: &mut watch::Receiver<u64>,
        comparison: &mut Interval,
    ) -> bool {
        loop {
            let cut_due = self.cuts.due();
            tokio::select! {
                changed = changes.changed() => return changed.is_ok(),
                _ = comparison.tick() => {
                    self.leave_peers();
                    if !self.is_intact().await {
                        return true;
                    }
                }
                () = self.foreign.notified() => {
                    tokio::time::sleep(SETTLE).await;
                    if !self.is_intact().await {
                        return true;
                    }
                }
                () = at(cut_due) => self.cut().await,
            }
        }
    }

    /// Looks whether the kernel has what it was told. If it has not, or that cannot be told, it is to be told anew.
    async fn is_intact(&mut self) -> bool {
        let Some((kernel, _)) = &self.kernel else {
            // Nothing was told.
            return true;
        };
        let Some(applied) = self.applied.clone() else {
            return false;
        };
        let intact = kernel.run(move |kernel| kernel.is_intact(&applied)).await;
        let is_intact = matches!(intact, Ok(Ok(true)));
        if !is_intact {
            tracing::info!(?intact, "the tables of policies are not as they were made");
            self.applied = None;
        }
        is_intact
    }

    /// `None`: it panicked, which the log has.
    async fn plan(&mut self) -> Option<Plan> {
        let policies = self.shared.policies.snapshot();
        let local = self.shared.local.lock().clone();
        let has_policies =
            |local: &LocalPod| policies.in_namespace(&local.pod.namespace).next().is_some();
        if !local.values().any(has_policies) {
            self.unneeded.get_or_insert_with(Instant::now);
            return Some(Plan::default());
        }
        self.unneeded = None;
        let dns = *self.shared.dns.lock();
        let peers = self.peers().await;
        let (namespaces, pods) = (peers.namespaces.snapshot(), peers.pods.snapshot());
        let planned = tokio::task::spawn_blocking(move || {
            plan(&Cluster {
                policies: &policies,
                namespaces: &namespaces,
                pods: &pods,
                local: &local,
                dns,
            })
        });
        let planned = planned.await;
        planned
            .inspect_err(|error| tracing::error!(%error, "what policies say cannot be worked out"))
            .ok()
    }

    /// Follows them no more where nobody has needed them for a while.
    fn leave_peers(&self) {
        let is_long = |since: Instant| since.elapsed() >= COMPARISON;
        if self.unneeded.is_some_and(is_long) {
            self.shared.peers.send_replace(None);
        }
    }

    /// Starts to follow them where that has not been done, and waits until they are known.
    async fn peers(&self) -> Peers {
        let known = self.shared.peers.borrow().clone();
        let peers = match known {
            Some(peers) => return peers,
            None => Peers {
                namespaces: Informer::start(self.shared.client.clone(), InformerOptions::default()),
                pods: Informer::start_keeping(
                    self.shared.client.clone(),
                    InformerOptions::default(),
                    |pod| Arc::new(pods::keep(&pod)),
                ),
            },
        };
        let synced = || async { tokio::join!(peers.namespaces.synced(), peers.pods.synced()) };
        if tokio::time::timeout(PATIENCE, synced()).await.is_err() {
            tracing::warn!(
                "pods and namespaces could not be listed so far, so what policies say is not known"
            );
            synced().await;
        }
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
            let (old, new) = (old.map(|pod| &**pod), new.map(|pod| &**pod));
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let is_local = new.or(old).is_some_and(|pod| shared.is_local(pod));
            if pods::differ(old, new, is_local) {
                shared.changed();
            }
        });
        self.shared.peers.send_replace(Some(peers.clone()));
        peers
    }

    async fn apply(&mut self, wanted: &Elements) -> Result<(), PolicyError> {
        match &self.applied {
            Some(applied) => {
                let change = difference(applied, wanted);
                self.cuts.add(&change);
                if !(change.0.is_empty() && change.1.is_empty()) {
                    let kernel = self.kernel().await?;
                    kernel.run(move |kernel| kernel.change(&change)).await??;
                }
            }
            None => {
                let kernel = match self.kernel().await {
                    // A host that cannot have rules has none left over either.
                    Err(error) if wanted.is_empty() => {
                        tracing::debug!(%error, "there are no policies to apply");
                        return Ok(());
                    }
                    kernel => kernel?,
                };
                let all = wanted.clone();
                kernel.run(move |kernel| kernel.replace(&all)).await??;
                self.cuts.all();
            }
        }
        self.applied = Some(wanted.clone());
        Ok(())
    }

    /// Ends what may not go on; what cannot be ended now is tried again.
    async fn cut(&mut self) {
        let Some(wanted) = self.applied.clone() else {
            return;
        };
        let whose = self.cuts.whose();
        let cut = async {
            let kernel = self.kernel().await?;
            kernel
                .run(move |kernel| kernel.cut(&wanted, whose.as_ref()))
                .await?
        };
        match cut.await {
            Ok(cut) => {
                self.cuts.done();
                if cut > 0 {
                    tracing::info!(cut, "policies no longer allow connections, which are ended");
                }
            }
            Err(error) => {
                self.cuts.again(RETRY);
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

    /// What is not as it should be is logged once, and not with every try.
    fn tell(&self, sequence: u64, wanted: Plan, failure: Option<&PolicyError>) {
        let isolated = wanted.elements.keys().filter_map(|key| match key {
            Key::Isolated(address) => Some(*address),
            _ => None,
        });
        let isolated: HashSet<IpAddr> = match failure {
            // Of use to nobody.
            None => HashSet::new(),
            Some(_) => isolated.collect(),
        };
        let too_large = wanted.denied.into_iter();
        let too_large = too_large.map(|(namespace, pods)| Degradation::PoliciesTooLarge {
            namespace,
            pods: pods.len(),
        });
        let failed = failure.map(|error| Degradation::NoPolicies(error.to_string()));
        let degradations: Vec<Degradation> = failed.into_iter().chain(too_large).collect();
        self.degradations.send_if_modified(|known| {
            for degradation in degradations.iter().filter(|it| !known.contains(it)) {
                tracing::error!(%degradation, "network policies are not what they should be");
            }
            let is_other = *known != degradations;
            *known = degradations;
            is_other
        });
        self.outcome.send_replace(Outcome {
            sequence,
            failure: failure.map(ToString::to_string),
            isolated,
        });
    }
}

/// Waits for a moment; for ever where there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
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

impl From<Gone> for PolicyError {
    fn from(_: Gone) -> Self {
        Self::Stopped
    }
}
