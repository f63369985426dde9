//! Services and cluster DNS on a node: the proxy at once, DNS when there is an address for it.

use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use navarch_client::{Client, Informer};
use navarch_network::{
    Announcer, AnnouncerConfig, DnsConfig, DnsServer, DnsSettings, ServiceProxy,
    ServiceProxyConfig, ServiceView,
};
use tokio::sync::{oneshot, watch};

use crate::checks::ClusterRanges;
use crate::node_network::NodeNetwork;

/// What serves a node's services.
pub(crate) struct NodeServices {
    dns: DnsSettings,
    view: ServiceView,
    proxy: ServiceProxy,
}

impl NodeServices {
    /// Starts the proxy. Without one (`nft` is missing) the node runs all the same, and its pods have the host's resolvers. `domain` is the
    /// cluster's, `kept` the file that says who was asked for other names before.
    pub(crate) async fn start(
        config: ServiceProxyConfig,
        (domain, kept): (&str, PathBuf),
        client: &Client,
        view: ServiceView,
    ) -> Option<Self> {
        let start = async {
            let dns = DnsSettings::follow(client, &config.node, domain, kept)?;
            let proxy = ServiceProxy::start(config, client, view.clone()).await?;
            anyhow::Ok(Self { dns, view, proxy })
        };
        match start.await {
            Ok(services) => Some(services),
            Err(error) => {
                let error = format!("{error:#}");
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
        resolv_conf: PathBuf,
        (announcer, nodes): (AnnouncerConfig, Informer<Node>),
        served: oneshot::Sender<()>,
    ) {
        let mut moved = network.moved_by();
        let config = |address| DnsConfig {
            address,
            clients: network.clients(&ranges),
            resolv_conf: resolv_conf.clone(),
            netns: None,
        };
        let Some(mut address) = network.reached_at().await else {
            return std::future::pending().await;
        };
        let mut dns = self.answer_dns(config(address), &network);
        self.proxy.applied(1).await;
        // Nobody may be waiting.
        let _ = served.send(());
        // Whoever asks is led on from the first packet.
        let _announcer = Announcer::start(announcer, self.view.clone(), nodes);
        loop {
            moved.changed().await;
            match network.reached_at().await {
                Some(now) if now != address => address = now,
                _ => continue,
            }
            // The port is to be free again.
            drop(dns.take());
            dns = self.answer_dns(config(address), &network);
        }
    }

    fn answer_dns(&self, config: DnsConfig, network: &NodeNetwork) -> Option<DnsServer> {
        match DnsServer::start(config, &self.dns, self.view.clone()) {
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
