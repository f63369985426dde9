//! The pod network of a node that learns its addresses only when the controllers have given it a range.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::{
    Backoff, Client, EventRecorder, EventType, Informer, InformerOptions, ListOptions, SystemClock,
};
use navarch_machinery::ranges::{Ranges, RangesError};
use navarch_network::{
    Config, Degradation, Encryption, FlowTable, NetworkPolicies, NodeRoutes, NodeRoutesConfig,
    PodNetwork, PodRequest, Transport, pod_mtu,
};
use navarch_node::Network;
use navarch_node::ports::NetworkError;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::cli::{FlowTableUse, PodRoutes};
use crate::early_ways::{EarlyWays, Keeping};
use crate::host::HostSettings;

/// How long a pod's start waits for the node to have a range.
const RANGE: Duration = Duration::from_secs(30);

/// What is known of the network: nothing yet, or whether it works.
type Known = Option<Result<Started, String>>;

/// A network that works, with what holds its pods to their policies, and what keeps the ways to other nodes' pods.
#[derive(Clone)]
struct Started {
    network: PodNetwork,
    policies: Arc<NetworkPolicies>,
    _routes: Keeping,
    /// `None` where all packets are to pass all rules.
    _flow_table: Option<Arc<FlowTable>>,
}

/// Where a network's node is.
#[derive(Clone)]
pub(crate) struct Place {
    /// The node's name.
    pub(crate) node: String,
    /// The node's addresses, the first its main one.
    pub(crate) addresses: Vec<IpAddr>,
    /// Where the cluster's pods are.
    pub(crate) cluster: Vec<IpNet>,
    /// How packets go to other nodes' pods.
    pub(crate) pod_routes: PodRoutes,
    /// What passes on connections that go on.
    pub(crate) flow_table: FlowTableUse,
    /// How they are encrypted, if they are.
    pub(crate) encryption: Option<Encryption>,
    /// The file that says which nodes they were encrypted for last.
    pub(crate) kept: PathBuf,
    /// The API, as the part that may see which policies and which pods there are in the cluster.
    pub(crate) client: Client,
    /// All nodes of the cluster.
    pub(crate) nodes: Informer<Node>,
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
    pub(crate) fn start(
        client: Client,
        settings: HostSettings,
        place: Place,
        early: Arc<EarlyWays>,
    ) -> Self {
        let (sender, known) = watch::channel(None);
        let resumed = PodNetwork::has_attached(&settings.network);
        let sender = Arc::new(sender);
        let list = ListOptions {
            field_selector: format!("metadata.name={}", place.node),
            ..ListOptions::default()
        };
        let node = Informer::<Node>::start(
            client.clone(),
            InformerOptions {
                list,
                indices: Vec::new(),
            },
        );
        let begun = Arc::new(OnceLock::<String>::new());
        node.on_change(move |_, node| {
            let Some(ranges) = node.and_then(|node| ranges_of(node)) else {
                return;
            };
            if let Some(first) = begun.get() {
                if *first != ranges {
                    // Its pods have addresses that may be another node's by now.
                    let why = format!(
                        "the node's ranges of pod addresses were {first} and are now {ranges}: take it down and start it anew"
                    );
                    tracing::error!("{why}");
                    sender.send_replace(Some(Err(why)));
                }
                return;
            }
            // Changes are told one after the other.
            let _ = begun.set(ranges.clone());
            let (sender, settings, place) = (sender.clone(), settings.clone(), place.clone());
            let (client, early) = (client.clone(), early.clone());
            tokio::spawn(async move {
                let started = begin(&ranges, settings, place, client, &early).await;
                if let Err(error) = &started {
                    tracing::error!(error, ranges, "the pod network does not work");
                }
                sender.send_if_modified(|known| {
                    let is_first = known.is_none();
                    if is_first {
                        *known = Some(started);
                    }
                    is_first
                });
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

/// The node's ranges of pod addresses, as text.
fn ranges_of(node: &Node) -> Option<String> {
    let spec = node.spec.as_ref()?;
    let all = spec.pod_cidrs.clone().filter(|all| !all.is_empty());
    Some(
        all.or_else(|| spec.pod_cidr.clone().map(|one| vec![one]))?
            .join(","),
    )
}

/// `client`: the node's own.
async fn begin(
    ranges: &str,
    settings: HostSettings,
    place: Place,
    client: Client,
    early: &EarlyWays,
) -> Result<Started, String> {
    let ranges: Ranges = ranges
        .parse()
        .map_err(|error: RangesError| error.to_string())?;
    for range in ranges.iter() {
        if !place.cluster.iter().any(|all| all.contains(&range)) {
            let cluster: Vec<_> = place.cluster.iter().map(ToString::to_string).collect();
            return Err(format!(
                "the cluster has given this node {range}, which is none of what it was told of the cluster (--cluster-cidr {}): give it the server's",
                cluster.join(",")
            ));
        }
    }
    let mut routes = ways(&settings, ranges, &place);
    if let Some(outer) = routes.outer() {
        routes.mtu = pod_mtu(outer, place.encryption.is_some(), None).await;
    }
    let early = early.take(&routes);
    if early.is_none() {
        // Before a pod can send anything.
        let sealed = NodeRoutes::seal(routes.clone()).await;
        sealed.map_err(|error| error.to_string())?;
    }
    let mut config = settings.network(ranges, place.cluster.clone());
    config.mtu = routes.mtu;
    config.wireguard_port = place.encryption.as_ref().map(|it| it.port);
    let network = PodNetwork::start(config)
        .await
        .map_err(|error| error.to_string())?;
    let attached = network.attachments().await;
    let attached = attached.map_err(|error| error.to_string())?;
    let flow_table = flow_table(&settings, &place).await?;
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
    let routes = early.unwrap_or_else(|| {
        let keeping = tokio::spawn(keep_routes(routes, place.nodes, client));
        Arc::new(AbortOnDropHandle::new(keeping))
    });
    Ok(Started {
        network,
        policies,
        _routes: routes,
        _flow_table: flow_table,
    })
}

/// What passes connections on that go on, if anything does: an earlier run may have had one.
async fn flow_table(
    settings: &HostSettings,
    place: &Place,
) -> Result<Option<Arc<FlowTable>>, String> {
    let config = settings.flow_table();
    if place.flow_table == FlowTableUse::Auto && place.encryption.is_none() {
        return Ok(Some(Arc::new(FlowTable::start(config))));
    }
    match FlowTable::remove_everything(config).await {
        // It might pass on in clear what is to be encrypted.
        Err(error) if place.encryption.is_some() => return Err(error.to_string()),
        Err(error) => tracing::warn!(%error, "if there is a flow table, it stays"),
        Ok(()) => {}
    }
    Ok(None)
}

/// The ways to other nodes' pods, from one that has these ranges.
pub(crate) fn ways(settings: &HostSettings, ranges: Ranges, place: &Place) -> NodeRoutesConfig {
    let mut ways = settings.node_routes(ranges);
    ways.node.clone_from(&place.node);
    ways.addresses.clone_from(&place.addresses);
    ways.transport = match place.pod_routes {
        PodRoutes::Auto => Transport::Auto,
        PodRoutes::Vxlan => Transport::Vxlan,
    };
    ways.encryption.clone_from(&place.encryption);
    ways.kept = Some(place.kept.clone());
    ways
}

/// Keeps the ways to other nodes, from when they can be kept.
pub(crate) async fn keep_routes(config: NodeRoutesConfig, nodes: Informer<Node>, client: Client) {
    let mut failures = 0;
    loop {
        match NodeRoutes::start(config.clone(), nodes.clone(), client.clone()).await {
            Ok(_routes) => return std::future::pending().await,
            Err(error) => {
                failures += 1;
                let wait = Backoff::REFLECTOR.after(failures);
                tracing::error!(%error, ?wait, "pods of other nodes cannot be reached");
                tokio::time::sleep(wait).await;
            }
        }
    }
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
        pod: PodRequest,
    ) -> Result<Vec<IpAddr>, NetworkError> {
        let Started {
            network, policies, ..
        } = self.network().await?;
        let ips = Network::attach(&network, sandbox_id, netns, pod.clone()).await?;
        let admitted = policies.admit(sandbox_id, pod.name, &ips).await;
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
    let any = Ranges::from(IpNet::from(ipnet::Ipv4Net::default()));
    (settings.network(any, Vec::new()), settings.node_routes(any))
}
