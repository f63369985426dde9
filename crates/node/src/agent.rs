//! The node agent: puts the parts together and keeps them running.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use navarch_api::endpoints_applied;
use navarch_client::{
    Client, Clock, EventRecorder, EventType, Informer, InformerOptions, ListOptions,
};
use navarch_network::ServiceView;
use navarch_runtime::cri::{ContainerEvent, EventStream, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::node_object::{self, Machine};
use crate::options::NodeOptions;
use crate::ports::{Network, Volumes};
use crate::server::NodeApi;
use crate::worker::{BY_TARGET, BY_UID, Parts, Withdrawals, Worker};
use crate::{Error, log_files, storage_limits};

/// How often every pod is looked at though nothing changed, and its volumes are brought up to date.
const RESYNC: Duration = Duration::from_secs(60);
/// Volumes are brought up to date no more often.
const OFTEN: Duration = Duration::from_secs(1);
/// How often it is looked whether a token ends.
const LOOK: Duration = Duration::from_secs(5);

/// What a node runs on.
pub struct NodeParts {
    /// How it is set up.
    pub options: NodeOptions,
    /// The API, as this node.
    pub client: Client,
    /// Services and endpoints, which the node has once for all its parts: of [`service_view`].
    pub view: ServiceView,
    /// The containers.
    pub runtime: Arc<dyn Runtime>,
    /// The pod network.
    pub network: Arc<dyn Network>,
    /// Pods' volumes.
    pub volumes: Arc<dyn Volumes>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Up to which revision of endpoint slices the node's service rules are applied, if it has any: containers are told to stop when
    /// the rules have let go of their pod.
    pub services_applied: Option<watch::Receiver<u64>>,
}

/// What a node sees of services and endpoints. The client is the part's that sends traffic to services: endpoints a node as such does
/// not see.
pub fn service_view(client: &Client) -> ServiceView {
    ServiceView::start(client, &[BY_TARGET])
}

/// A running node. Dropping it ends the agent; containers run on.
pub struct Agent {
    worker: Arc<Worker>,
    tasks: JoinSet<()>,
    node: Arc<Node>,
}

impl Agent {
    /// Registers the node, takes up what runs on it, and begins to look after its pods.
    pub async fn start(parts: NodeParts) -> Result<Self, Error> {
        let NodeParts {
            options,
            client,
            view,
            runtime,
            network,
            volumes,
            clock,
            services_applied,
        } = parts;
        let options = Arc::new(options);
        let events = EventRecorder::start(client.clone(), "kubelet", &options.name, clock.clone());
        let machine = Machine::read(&options, runtime.version())?;
        let list = ListOptions {
            field_selector: format!("spec.nodeName={}", options.name),
            ..ListOptions::default()
        };
        let pods = Informer::start(
            client.clone(),
            InformerOptions {
                list,
                indices: vec![BY_UID],
            },
        );
        let everywhere = Informer::<ConfigMap>::start(
            client.clone(),
            InformerOptions {
                list: ListOptions {
                    namespace: Some(endpoints_applied::NAMESPACE.to_owned()),
                    field_selector: format!("metadata.name={}", endpoints_applied::NAME),
                    ..ListOptions::default()
                },
                indices: Vec::new(),
            },
        );
        let worker = Worker::new(Parts {
            options,
            client,
            runtime,
            network,
            volumes,
            clock,
            events,
            pods,
            services: view.services,
            slices: view.slices,
            everywhere,
            withdrawals: Withdrawals::new(services_applied),
        });
        let changes = worker.runtime.events();
        worker.adopt().await?;
        let unready = node_object::unready(&worker).await;
        let node = node_object::register(&worker, &machine, unready.as_deref())
            .await
            .map_err(Error::Register)?;
        worker
            .events
            .event(&*node, EventType::Normal, "Starting", "Starting kubelet.");
        let mut tasks = JoinSet::new();
        tasks.spawn(node_object::heartbeat(worker.clone(), machine));
        tasks.spawn(follow(worker.clone(), changes));
        tasks.spawn(look_after(worker.clone()));
        let of_services = worker.clone();
        tasks.spawn(async move {
            loop {
                for uid in of_services.withdrawals.next().await {
                    of_services.queue.add(uid);
                }
            }
        });
        let (of_lease, of_logs, of_volumes, of_sizes) = (
            worker.clone(),
            worker.clone(),
            worker.clone(),
            worker.clone(),
        );
        tasks.spawn(async move { node_object::renew(&of_lease).await });
        tasks.spawn(async move { log_files::rotate(&of_logs).await });
        tasks.spawn(async move { refresh(&of_volumes).await });
        tasks.spawn(async move { storage_limits::watch(&of_sizes).await });
        Ok(Self {
            worker,
            tasks,
            node,
        })
    }

    /// The node's HTTP API as methods.
    pub fn api(&self) -> NodeApi {
        NodeApi::new(self.worker.clone())
    }

    /// When the API has taken last that this node lives: it is told so every ten seconds.
    pub fn heard(&self) -> watch::Receiver<Instant> {
        self.worker.heard.subscribe()
    }

    /// The Node object as it was registered.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Ends the agent. Containers run on; the next agent takes them up.
    pub async fn stop(mut self) {
        self.worker.queue.close();
        self.tasks.shutdown().await;
        self.worker.events.flush().await;
    }
}

/// Looks at pods, once it is known which there are.
async fn look_after(worker: Arc<Worker>) {
    worker.pods.synced().await;
    worker.slices.synced().await;
    worker.remove_leftovers().await;
    worker.recall_all();
    worker.listen();
    worker.resync();
    let mut workers = worker.run();
    while workers.join_next().await.is_some() {}
}

/// Follows what happens in the runtime.
async fn follow(worker: Arc<Worker>, mut changes: EventStream) {
    loop {
        let Some(event) = changes.next().await else {
            // The runtime has closed its stream; a new one, and everything anew.
            tokio::time::sleep(Duration::from_secs(1)).await;
            changes = worker.runtime.events();
            relist(&worker).await;
            continue;
        };
        match event {
            ContainerEvent::Container {
                sandbox_id,
                container_id,
            } => {
                worker
                    .view
                    .reload_container(&*worker.runtime, &container_id)
                    .await;
                if let Some(uid) = worker.view.uid_of(&sandbox_id) {
                    worker.queue.add(uid);
                }
            }
            ContainerEvent::Sandbox { sandbox_id } => {
                let before = worker.view.uid_of(&sandbox_id);
                worker
                    .view
                    .reload_sandbox(&*worker.runtime, &sandbox_id)
                    .await;
                if let Some(uid) = before.or_else(|| worker.view.uid_of(&sandbox_id)) {
                    worker.queue.add(uid);
                }
            }
            ContainerEvent::Images => worker.retry_images().await,
            ContainerEvent::Lagged => relist(&worker).await,
        }
    }
}

async fn relist(worker: &Worker) {
    if let Err(error) = worker.view.reload(&*worker.runtime).await {
        tracing::warn!(%error, "the containers could not be listed");
    }
    worker.resync();
}

/// Brings volumes up to date, and looks at every pod once more.
async fn refresh(worker: &Worker) {
    loop {
        refresh_due(worker).await;
        for pod in worker.running_pods() {
            if let Err(error) = worker.volumes.refresh(&pod).await {
                worker
                    .events
                    .event(&*pod, EventType::Warning, "FailedMount", error.told());
            }
        }
        // The node may have more to give than before.
        worker.retry_resizes();
        worker.resync();
    }
}

/// Waits for the next time; a shorter one where a token would end before. None does that lives for minutes, but a cluster may be told
/// to give no longer ones.
async fn refresh_due(worker: &Worker) {
    let next = worker.clock.now().saturating_add(RESYNC);
    let next = next.unwrap_or(Timestamp::MAX);
    let mut wait = OFTEN;
    while wait > Duration::ZERO {
        tokio::time::sleep(wait).await;
        let due = worker.volumes.due(next).map_or(next, |due| due.min(next));
        let left = due.duration_since(worker.clock.now());
        // Pods come meanwhile, and their tokens with them.
        wait = Duration::try_from(left).unwrap_or_default().min(LOOK);
    }
}
