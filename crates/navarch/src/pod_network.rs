//! The pod network of a node that learns its addresses only when the controllers have given it a range.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::{
    Client, EventRecorder, EventType, Informer, InformerOptions, ListOptions, SystemClock,
};
use navarch_network::{
    Config, Degradation, HostPort, NetworkPolicies, NodeRoutes, NodeRoutesConfig, PodName,
    PodNetwork, Transport, pod_mtu,
};
use navarch_node::Network;
use navarch_node::ports::NetworkError;
use tokio::sync::watch;

use crate::cli::PodRoutes;
use crate::host::HostSettings;

/// How long a pod's start waits for the node to have a range.
const RANGE: Duration = Duration::from_secs(30);

/// What is known of the network: nothing yet, or whether it works.
type Known = Option<Result<Started, String>>;

/// A network that works, with what holds its pods to their policies, and the ways to other nodes' pods where there can be any.
#[derive(Clone)]
struct Started {
    network: PodNetwork,
    policies: Arc<NetworkPolicies>,
    _routes: Option<Arc<NodeRoutes>>,
}

/// Where a network's node is.
#[derive(Clone)]
pub(crate) struct Place {
    /// The node's name.
    pub(crate) node: String,
    /// The node's address.
    pub(crate) address: IpAddr,
    /// Where the cluster's pods are.
    pub(crate) cluster: Vec<IpNet>,
    /// How packets go to other nodes' pods.
    pub(crate) pod_routes: PodRoutes,
    /// The API, as the part that may see where other nodes are, and which policies and which pods there are in the cluster.
    pub(crate) client: Client,
}

/// The network, from the moment it can be.
pub(crate) struct LateNetwork {
    known: watch::Receiver<Known>,
    /// Whether pods were attached before this process started: then their addresses must be known before anything else.
    resumed: bool,
    /// Looks for the range; ended with this.
    _node: Informer<Node>,
}

impl LateNetwork {
    /// Waits, in the background, for the node's range, and then starts the network.
    pub(crate) fn start(client: Client, settings: HostSettings, place: Place) -> Self {
        let (sender, known) = watch::channel(None);
        let resumed =
            std::fs::read_dir(&settings.network).is_ok_and(|mut entries| entries.next().is_some());
        let sender = Arc::new(sender);
        let list = ListOptions {
            field_selector: format!("metadata.name={}", place.node),
            ..ListOptions::default()
        };
        let node = Informer::<Node>::start(
            client,
            InformerOptions {
                list,
                indices: Vec::new(),
            },
        );
        let starting = Arc::new(std::sync::atomic::AtomicBool::new(false));
        node.on_change(move |_, node| {
            let Some(range) = node.and_then(|node| node.spec.as_ref()?.pod_cidr.clone()) else {
                return;
            };
            if starting.swap(true, std::sync::atomic::Ordering::AcqRel) {
                return;
            }
            let (sender, settings, place) = (sender.clone(), settings.clone(), place.clone());
            tokio::spawn(async move {
                let started = begin(&range, settings, place).await;
                if let Err(error) = &started {
                    tracing::error!(error, range, "the pod network does not work");
                }
                sender.send_replace(Some(started));
            });
        });
        Self {
            known,
            resumed,
            _node: node,
        }
    }

    /// The node's address among its pods, once there is a network; `None` where there will be none.
    pub(crate) fn gateway(&self) -> impl Future<Output = Option<IpAddr>> + Send + 'static {
        let mut known = self.known.clone();
        async move {
            let network = {
                let known = known.wait_for(Option::is_some).await.ok()?;
                known.as_ref()?.as_ref().ok()?.network.clone()
            };
            network.gateway().await.ok()
        }
    }

    /// Holds pods to their policies where they ask cluster DNS, which answers once there is a network.
    pub(crate) fn judge_dns_at(&self, address: SocketAddr) {
        if let Some(Ok(started)) = &*self.known.borrow() {
            started.policies.judge_dns_at(address);
        }
    }

    /// Whether nothing can be attached: the node has never had a range.
    fn is_new(&self) -> bool {
        !self.resumed && self.known.borrow().is_none()
    }

    async fn network(&self) -> Result<Started, NetworkError> {
        let mut known = self.known.clone();
        let waited = tokio::time::timeout(RANGE, known.wait_for(Option::is_some)).await;
        let words = |text: &str| NetworkError(text.to_owned());
        let known = waited.map_err(|_| words("the node has no range of pod addresses yet"))?;
        let known = known.map_err(|_| words("the pod network is stopped"))?;
        match known.as_ref() {
            Some(Ok(started)) => Ok(started.clone()),
            Some(Err(error)) => Err(words(error)),
            None => Err(words("the node has no range of pod addresses yet")),
        }
    }
}

async fn begin(range: &str, settings: HostSettings, place: Place) -> Result<Started, String> {
    let range: IpNet = range.parse().map_err(|error| format!("{range}: {error}"))?;
    let mtu = pod_mtu(place.address, None).await;
    let mut config = settings.network(range, place.cluster.clone());
    config.mtu = mtu;
    let network = PodNetwork::start(config)
        .await
        .map_err(|error| error.to_string())?;
    let attached = network.attachments().await;
    let attached = attached.map_err(|error| error.to_string())?;
    let policies = NetworkPolicies::start(settings.policies(), &place.client, &attached);
    for degradation in network.degradations().await.unwrap_or_default() {
        tracing::warn!("pod network: {degradation}");
    }
    let events = EventRecorder::start(
        place.client.clone(),
        "network-policies",
        &place.node,
        Arc::new(SystemClock),
    );
    tokio::spawn(tell(policies.degradations(), events, place.node.clone()));
    let policies = Arc::new(policies);
    let mut config = settings.node_routes(range);
    config.node = place.node;
    config.addresses = vec![place.address];
    config.mtu = mtu;
    config.transport = match place.pod_routes {
        PodRoutes::Auto => Transport::Auto,
        PodRoutes::Vxlan => Transport::Vxlan,
    };
    let routes = NodeRoutes::start(config, &place.client).await;
    let routes = routes.inspect_err(|error| {
        tracing::error!(%error, "pods of other nodes cannot be reached");
    });
    Ok(Started {
        network,
        policies,
        _routes: routes.ok().map(Arc::new),
    })
}

/// Tells of what the node does without, at its object, for as long as policies are kept.
async fn tell(
    mut degradations: watch::Receiver<Vec<Degradation>>,
    events: EventRecorder,
    node: String,
) {
    let mut known: Vec<Degradation> = Vec::new();
    while degradations.changed().await.is_ok() {
        let now = degradations.borrow_and_update().clone();
        // By its name instead of its uid, as kubelets do: so it is found where people look for it.
        let about = Node {
            metadata: ObjectMeta {
                name: Some(node.clone()),
                uid: Some(node.clone()),
                ..ObjectMeta::default()
            },
            ..Node::default()
        };
        for degradation in now.iter().filter(|it| !known.contains(it)) {
            let (kind, reason) = (EventType::Warning, "NetworkPoliciesDegraded");
            events.event(&about, kind, reason, degradation.to_string());
        }
        known = now;
    }
}

#[async_trait::async_trait]
impl Network for LateNetwork {
    async fn attach(
        &self,
        sandbox_id: &str,
        netns: &Path,
        pod: PodName,
        ports: Vec<HostPort>,
    ) -> Result<Vec<IpAddr>, NetworkError> {
        let Started {
            network, policies, ..
        } = self.network().await?;
        let ips = Network::attach(&network, sandbox_id, netns, pod.clone(), ports).await?;
        let admitted = policies.admit(sandbox_id, pod, &ips).await;
        admitted.map_err(|error| NetworkError(error.to_string()))?;
        Ok(ips)
    }

    async fn detach(&self, sandbox_id: &str) -> Result<(), NetworkError> {
        let Started {
            network, policies, ..
        } = self.network().await?;
        Network::detach(&network, sandbox_id).await?;
        policies.dismiss(sandbox_id);
        Ok(())
    }

    async fn attached(&self) -> Result<HashMap<String, Vec<IpAddr>>, NetworkError> {
        if self.is_new() {
            return Ok(HashMap::new());
        }
        Network::attached(&self.network().await?.network).await
    }

    async fn reconcile(&self, live: HashSet<String>) -> Result<(), NetworkError> {
        if live.is_empty() && self.is_new() {
            return Ok(());
        }
        let Started {
            network, policies, ..
        } = self.network().await?;
        Network::reconcile(&network, live.clone()).await?;
        policies.retain(&live);
        Ok(())
    }
}

/// The configurations of a network, and of the ways between nodes, in which only what was made by them before is looked for.
pub(crate) fn removal(settings: &HostSettings) -> (Config, NodeRoutesConfig) {
    // Removal goes by names; the range is not looked at.
    let any = IpNet::from(ipnet::Ipv4Net::default());
    (settings.network(any, Vec::new()), settings.node_routes(any))
}
