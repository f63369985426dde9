//! Services and cluster DNS on a node: the proxy at once, DNS when there is an address for it.

use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use navarch_client::{Client, Informer};
use navarch_network::{
    Announcer, AnnouncerConfig, DnsConfig, DnsServer, ServiceProxy, ServiceProxyConfig, ServiceView,
};
use tokio::sync::{oneshot, watch};

use crate::checks::ClusterRanges;
use crate::node_network::NodeNetwork;

/// What serves a node's services.
pub(crate) struct NodeServices {
    node: String,
    client: Client,
    view: ServiceView,
    proxy: ServiceProxy,
}

impl NodeServices {
    /// Starts the proxy. Without one (`nft` is missing) the node runs all the same, and its pods have the host's resolvers.
    pub(crate) async fn start(
        config: ServiceProxyConfig,
        client: &Client,
        view: ServiceView,
    ) -> Option<Self> {
        let (node, client) = (config.node.clone(), client.clone());
        match ServiceProxy::start(config, &client, view.clone()).await {
            Ok(proxy) => Some(Self {
                node,
                client,
                view,
                proxy,
            }),
            Err(error) => {
                tracing::error!(%error, "services and cluster DNS do not work on this node");
                None
            }
        }
    }

    /// Up to which revision of endpoint slices the node's rules are applied.
    pub(crate) fn applied(&self) -> watch::Receiver<u64> {
        self.proxy.applied_revision()
    }

    /// Answers cluster DNS as soon as it is known where pods reach the node, and serves until the task that runs this ends. Tells where it
    /// answers, and when services are served; and answers for addresses of load balancers from then on.
    pub(crate) async fn serve(
        self,
        (network, ranges): (Arc<NodeNetwork>, ClusterRanges),
        domain: String,
        resolv_conf: PathBuf,
        (announcer, nodes): (AnnouncerConfig, Informer<Node>),
        served: oneshot::Sender<()>,
    ) {
        let mut moved = network.moved_by();
        let config = |address| DnsConfig {
            address,
            clients: network.clients(&ranges),
            node: self.node.clone(),
            domain: domain.clone(),
            resolv_conf: resolv_conf.clone(),
            netns: None,
        };
        let Some(address) = network.reached_at().await else {
            return std::future::pending().await;
        };
        let mut _dns = self.answer_dns(config(address), &network);
        self.proxy.applied(1).await;
        // Nobody may be waiting.
        let _ = served.send(());
        // Whoever asks is led on from the first packet.
        let _announcer = Announcer::start(announcer, self.view.clone(), nodes);
        loop {
            moved.changed().await;
            if let Some(address) = network.reached_at().await {
                _dns = self.answer_dns(config(address), &network);
            }
        }
    }

    fn answer_dns(&self, config: DnsConfig, network: &NodeNetwork) -> Option<DnsServer> {
        match DnsServer::start(config, &self.client, self.view.clone()) {
            Ok(dns) => {
                network.judge_dns_at(dns.address());
                self.proxy.answer_dns_at(dns.address());
                Some(dns)
            }
            Err(error) => {
                tracing::error!(%error, "cluster DNS does not work on this node");
                None
            }
        }
    }
}
