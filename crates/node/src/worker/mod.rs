//! Carries plans out: a look at a pod, a plan, a status told, and operations begun. Operations run beside; each tells of its end
//! by queueing the pod again.

mod admit;
mod allocate;
mod departures;
mod execute;
mod leftovers;
mod listen;
mod memory;
mod observe;
mod removal;
mod resize;
mod set_up;
mod start;
mod status_writer;
mod stop;
pub(crate) mod view;
mod withdrawals;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_client::{Backoff, Client, Clock, EventRecorder, Index, Informer, ObjectKey, Queue};
use navarch_runtime::cri::{Runtime, SandboxState};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::images::Images;
use crate::lifecycle::{Action, NodeFacts, plan};
use crate::objects::Objects;
use crate::options::NodeOptions;
use crate::ports::{Network, Volumes};
use crate::quantity::ResourceList;
use crate::spec;

pub(crate) use listen::BY_TARGET;
use memory::Memories;
use view::RuntimeView;
pub(crate) use withdrawals::Withdrawals;

/// Pods by uid.
pub(crate) const BY_UID: Index<Pod> = Index {
    name: "uid",
    values: |pod| pod.metadata.uid.iter().cloned().collect(),
};
/// How many pods are looked at at once: each may wait for the API to take a status.
const WORKERS: usize = 32;
/// How long the status of a pod that is just being started is held back: most run by then, and that is told instead.
const STARTING: Duration = Duration::from_millis(100);
/// The API may lag behind; a pod whose status could not be told is looked at again.
const RETRY: Backoff = Backoff {
    base: Duration::from_millis(20),
    max: Duration::from_secs(10),
};

/// What all workers share.
pub(crate) struct Worker {
    pub(crate) options: Arc<NodeOptions>,
    pub(crate) client: Client,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) volumes: Arc<dyn Volumes>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: EventRecorder,
    pub(crate) objects: Objects,
    pub(crate) images: Images,
    pub(crate) pods: Informer<Pod>,
    pub(crate) services: Informer<Service>,
    pub(crate) slices: Informer<EndpointSlice>,
    pub(crate) everywhere: Informer<ConfigMap>,
    pub(crate) withdrawals: Withdrawals,
    pub(crate) queue: Queue<String>,
    pub(crate) view: RuntimeView,
    memories: Memories,
    /// Held while a pod is admitted: of two that do not fit together one runs.
    admitting: Mutex<()>,
    /// What the node has, and what of it pods may use.
    pub(crate) capacity: Mutex<Capacity>,
    /// When the API has taken last that this node lives.
    pub(crate) heard: watch::Sender<Instant>,
}

/// What the node has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capacity {
    pub(crate) memory: i64,
    pub(crate) allocatable: ResourceList,
    pub(crate) labels: std::collections::BTreeMap<String, String>,
}

/// What a worker is made from.
pub(crate) struct Parts {
    pub(crate) options: Arc<NodeOptions>,
    pub(crate) client: Client,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) volumes: Arc<dyn Volumes>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: EventRecorder,
    pub(crate) pods: Informer<Pod>,
    pub(crate) services: Informer<Service>,
    pub(crate) slices: Informer<EndpointSlice>,
    pub(crate) everywhere: Informer<ConfigMap>,
    pub(crate) withdrawals: Withdrawals,
}

impl Worker {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            options,
            client,
            runtime,
            network,
            volumes,
            clock,
            events,
            pods,
            services,
            slices,
            everywhere,
            withdrawals,
        } = parts;
        let objects = Objects::new(client.clone());
        let parallel = options.parallel_pulls;
        let images = Images::new(
            runtime.clone(),
            objects.clone(),
            events.clone(),
            clock.clone(),
            parallel,
        );
        Arc::new(Self {
            options,
            client,
            runtime,
            network,
            volumes,
            clock,
            events,
            objects,
            images,
            pods,
            services,
            slices,
            everywhere,
            withdrawals,
            queue: Queue::new(RETRY),
            view: RuntimeView::default(),
            memories: Memories::default(),
            admitting: Mutex::default(),
            capacity: Mutex::default(),
            heard: watch::Sender::new(Instant::now()),
        })
    }

    /// Looks at pods until the queue is closed.
    pub(crate) fn run(self: &Arc<Self>) -> tokio::task::JoinSet<()> {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..WORKERS {
            let worker = self.clone();
            tasks.spawn(async move {
                while let Some(uid) = worker.queue.next().await {
                    worker.clone().sync(&uid).await;
                    worker.queue.done(&uid);
                }
            });
        }
        tasks
    }

    /// Looks at one pod. Quick: nothing here waits for containers, and of what is to be done only little waits for the API.
    async fn sync(self: Arc<Self>, uid: &str) {
        let Some(known) = self.desired(uid) else {
            return;
        };
        let asked = known.pod;
        let now = self.clock.now();
        if let Err(error) = self.learn_labels(uid, &asked).await {
            tracing::debug!(%error, "the node's labels are not known");
            self.queue.retry(uid.to_owned());
            return;
        }
        self.admit(uid, &asked);
        let pod = self.allocate(uid, &asked);
        // First what was begun, then what there is: a start that ends in between shows its container, never its absence.
        let mut history = self.memories.history(uid);
        let mut actual = self.view.of_pod(uid);
        actual.in_service = self.in_service(uid);
        self.read_messages(uid, &pod, &actual).await;
        history.messages = self.memories.history(uid).messages;
        if known.gone || pod.metadata.deletion_timestamp.is_some() {
            history.terminating_since.get_or_insert(now);
            self.memories.change(uid, |h| {
                h.terminating_since.get_or_insert(now);
            });
        }
        let facts = NodeFacts {
            addresses: self.options.addresses.now(),
        };
        let seen_at = *history.seen_at.get_or_insert(now);
        self.memories.change(uid, |h| h.seen_at = Some(seen_at));
        let plan = plan(now, &pod, &actual, &history, &facts);
        if let Some(at) = plan.wake_at {
            self.queue.add_after(
                uid.to_owned(),
                Duration::try_from(at.duration_since(now)).unwrap_or_default(),
            );
        }
        self.probe(uid, &pod, plan.probes);
        if plan.terminating {
            self.memories.give_up_start(uid);
        }
        let (told_first, at_once): (Vec<_>, Vec<_>) = plan
            .actions
            .into_iter()
            .partition(Action::needs_status_told);
        let just_begun = !plan.terminating
            && at_once.iter().any(Action::starts)
            && told_first.is_empty()
            && !spec::has_run(&pod);
        // Containers run, and run again, while the API is slow or away.
        for action in at_once {
            self.execute(uid, &pod, known.gone, action);
        }
        if just_begun {
            // Told then, or with what comes of it.
            return self.queue.add_after(uid.to_owned(), STARTING);
        }
        if !known.gone && !self.tell_status(uid, &pod, &plan.status).await {
            self.queue.retry(uid.to_owned());
            return;
        }
        self.queue.forget(&uid.to_owned());
        if spec::has_ended(&plan.status) && !spec::is_terminal(&asked) {
            // What it held is free.
            self.retry_resizes();
        }
        for action in told_first {
            self.execute(uid, &pod, known.gone, action);
        }
        if self.memories.history(uid).removed
            && self.pods.snapshot().by_index(BY_UID, uid).next().is_none()
        {
            self.memories.forget(uid);
            self.withdrawals.forget(uid);
            self.images.forget(uid);
            self.retry_resizes();
        }
    }

    /// Puts a pod out of the node, once: it fails with this reason.
    pub(crate) fn evict(&self, uid: &str, message: String) {
        if !self.memories.accepted(uid) {
            return;
        }
        let refusal = crate::lifecycle::Refusal {
            reason: "Evicted".into(),
            message: message.clone(),
            evicted: true,
        };
        if let Some(known) = self.desired(uid) {
            self.events.event(
                &*known.pod,
                navarch_client::EventType::Warning,
                "Evicted",
                message,
            );
        }
        self.memories.change(uid, |history| {
            history.refusal.get_or_insert(refusal);
        });
        self.queue.add(uid.to_owned());
    }

    /// Every pod that is here, with what is known of it.
    pub(crate) fn resync(&self) {
        for pod in self.pods.snapshot().iter() {
            self.queue.add(spec::uid(pod).to_owned());
        }
        for uid in self.view.uids() {
            self.queue.add(uid);
        }
    }

    /// Pods that have a sandbox and are not on their way out.
    pub(crate) fn running_pods(&self) -> Vec<Arc<Pod>> {
        let snapshot = self.pods.snapshot();
        let here = |pod: &&Arc<Pod>| {
            !spec::is_terminal(pod)
                && pod.metadata.deletion_timestamp.is_none()
                && self.view.of_pod(spec::uid(pod)).ready_sandbox().is_some()
        };
        snapshot.iter().filter(here).cloned().collect()
    }

    /// The pod of this name, if the API knows it.
    pub(crate) fn pod_named(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let pod = self.pods.get(&ObjectKey::new(namespace, name))?;
        let uid = spec::uid(&pod).to_owned();
        Some(self.memories.newest(&uid, pod))
    }

    /// The addresses of a pod.
    pub(crate) fn pod_ips(&self, uid: &str, pod: &Pod) -> Vec<std::net::IpAddr> {
        if spec::host_network(pod) {
            return self.options.addresses.now();
        }
        self.memories
            .history(uid)
            .attached
            .map(|(_, ips)| ips)
            .unwrap_or_default()
    }

    /// Ends what may still run in a dead sandbox.
    async fn is_over(&self, sandbox: &str) -> bool {
        let ended = self.runtime.end_sandbox(sandbox).await;
        if let Err(error) = &ended {
            tracing::warn!(sandbox, %error, "what runs in a dead sandbox could not be ended");
        }
        ended.is_ok()
    }

    /// Takes up what an earlier run of the node left: sandboxes that have their network.
    pub(crate) async fn adopt(&self) -> Result<(), crate::Error> {
        self.view.reload(&*self.runtime).await?;
        let sandboxes = self.view.sandboxes();
        let mut attachable = HashSet::new();
        for sandbox in sandboxes {
            // What may run in one that is dead keeps its address.
            if sandbox.state == SandboxState::Ready || !self.is_over(&sandbox.id).await {
                attachable.insert(sandbox.id.clone());
            }
        }
        self.network.reconcile(attachable).await?;
        let attached = self.network.attached().await?;
        for uid in self.view.uids() {
            let actual = self.view.of_pod(&uid);
            let Some(sandbox) = actual.ready_sandbox() else {
                continue;
            };
            // One that nothing ran in was perhaps attached and not yet admitted by the network when this was killed: it is set up anew.
            if !actual
                .containers
                .iter()
                .any(|it| it.sandbox_id == sandbox.id)
            {
                continue;
            }
            let ips = match (&sandbox.netns, attached.get(&sandbox.id)) {
                (None, _) => Vec::new(),
                (Some(_), Some(ips)) => ips.clone(),
                (Some(_), None) => continue,
            };
            self.memories.change(&uid, |history| {
                history.attached = Some((sandbox.id.clone(), ips));
            });
        }
        Ok(())
    }
}
