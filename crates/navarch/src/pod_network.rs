//! The pod network of a node that learns its addresses only when the controllers have given it a range.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use navarch_client::{Client, Informer, InformerOptions, ListOptions};
use navarch_network::{Config, HostPort, PodNetwork};
use navarch_node::Network;
use navarch_node::ports::NetworkError;
use tokio::sync::watch;

use crate::host::HostSettings;

/// How long a pod's start waits for the node to have a range.
const RANGE: Duration = Duration::from_secs(30);

/// What is known of the network: nothing yet, or whether it works.
type Known = Option<Result<PodNetwork, String>>;

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
        node: &str,
        settings: HostSettings,
        cluster: Vec<IpNet>,
    ) -> Self {
        let (sender, known) = watch::channel(None);
        let resumed =
            std::fs::read_dir(&settings.network).is_ok_and(|mut entries| entries.next().is_some());
        let sender = Arc::new(sender);
        let list = ListOptions {
            field_selector: format!("metadata.name={node}"),
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
            let (sender, settings, cluster) = (sender.clone(), settings.clone(), cluster.clone());
            tokio::spawn(async move {
                let started = begin(&range, settings, cluster).await;
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
                known.as_ref()?.as_ref().ok()?.clone()
            };
            network.gateway().await.ok()
        }
    }

    /// Whether nothing can be attached: the node has never had a range.
    fn is_new(&self) -> bool {
        !self.resumed && self.known.borrow().is_none()
    }

    async fn network(&self) -> Result<PodNetwork, NetworkError> {
        let mut known = self.known.clone();
        let waited = tokio::time::timeout(RANGE, known.wait_for(Option::is_some)).await;
        let words = |text: &str| NetworkError(text.to_owned());
        let known = waited.map_err(|_| words("the node has no range of pod addresses yet"))?;
        let known = known.map_err(|_| words("the pod network is stopped"))?;
        match known.as_ref() {
            Some(Ok(network)) => Ok(network.clone()),
            Some(Err(error)) => Err(words(error)),
            None => Err(words("the node has no range of pod addresses yet")),
        }
    }
}

async fn begin(
    range: &str,
    settings: HostSettings,
    cluster: Vec<IpNet>,
) -> Result<PodNetwork, String> {
    let range: IpNet = range.parse().map_err(|error| format!("{range}: {error}"))?;
    let network = PodNetwork::start(settings.network(range, cluster))
        .await
        .map_err(|error| error.to_string())?;
    for degradation in network.degradations().await.unwrap_or_default() {
        tracing::warn!("pod network: {degradation}");
    }
    Ok(network)
}

#[async_trait::async_trait]
impl Network for LateNetwork {
    async fn attach(
        &self,
        sandbox_id: &str,
        netns: &Path,
        ports: Vec<HostPort>,
    ) -> Result<Vec<IpAddr>, NetworkError> {
        Network::attach(&self.network().await?, sandbox_id, netns, ports).await
    }

    async fn detach(&self, sandbox_id: &str) -> Result<(), NetworkError> {
        Network::detach(&self.network().await?, sandbox_id).await
    }

    async fn attached(&self) -> Result<HashMap<String, Vec<IpAddr>>, NetworkError> {
        if self.is_new() {
            return Ok(HashMap::new());
        }
        Network::attached(&self.network().await?).await
    }

    async fn reconcile(&self, live: HashSet<String>) -> Result<(), NetworkError> {
        if live.is_empty() && self.is_new() {
            return Ok(());
        }
        Network::reconcile(&self.network().await?, live).await
    }
}

/// The configuration of a network in which only what was made by it before is looked for.
pub(crate) fn removal(settings: &HostSettings) -> Config {
    // Removal goes by names; the range is not looked at.
    let any = IpNet::from(ipnet::Ipv4Net::default());
    settings.network(any, Vec::new())
}
