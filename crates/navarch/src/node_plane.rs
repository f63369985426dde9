//! A node, put together: images, runtime, pod network, volumes, agent and the node's own API.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Node;
use navarch_auth::leaves::Leaf;
use navarch_auth::{Purpose, Subject};
use navarch_client::{Client, Informer, InformerOptions, SystemClock};
use navarch_network::{AnnouncerConfig, CniNetwork, Encryption, check};
use navarch_node::certificates::Exchangeable;
use navarch_node::registration;
use navarch_node::server::{ServeOptions, Server};
use navarch_node::{Addresses, Agent, HostVolumes, NodeOptions, NodeParts, Objects, service_view};
use navarch_runtime::embedded::Embedded;
use navarch_runtime::images::Images;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::checks::{self, ClusterRanges};
use crate::cli::{NodeArgs, PodEncryption};
use crate::control;
use crate::early_ways::EarlyWays;
use crate::host::HostSettings;
use crate::layout::Layout;
use crate::leaves;
use crate::node_network::NodeNetwork;
use crate::node_server::Listeners;
use crate::node_services::NodeServices;
use crate::pod_network::{LateNetwork, Place};
use crate::program_image::{self, program_image};
use crate::wireguard_key;

/// How long a start waits for services, which come when they can.
const SERVICES: Duration = Duration::from_secs(5);

/// How a node's parts speak to the API.
pub(crate) struct Clients {
    /// The agent: as this node, which sees what its pods need.
    pub(crate) node: Client,
    /// As the service proxy, which sees all endpoints, and whom network policies are about.
    pub(crate) service_proxy: Client,
}

/// A running node.
pub(crate) struct NodePlane {
    agent: Agent,
    /// The images, for imports by this process.
    pub(crate) images: Images,
    /// The node's name.
    pub(crate) name: String,
    network: Arc<NodeNetwork>,
    served: oneshot::Receiver<()>,
    tasks: JoinSet<()>,
}

impl NodePlane {
    /// Starts a node that speaks to the API through `clients`.
    pub(crate) async fn start(
        layout: &Layout,
        arguments: &NodeArgs,
        ranges: &ClusterRanges,
        addresses: Addresses,
        clients: Clients,
        tls: ServeOptions,
        step: impl Fn(&str),
    ) -> Result<Self> {
        let name = checks::node_name(arguments)?;
        let client = clients.node;
        let settings = HostSettings::of(layout, arguments, ranges);
        let listeners = Listeners::open(addresses.clone(), arguments.node_port).await?;
        let now = addresses.now();
        let address = *now.first().context("the node has no address")?;
        let encryption = encryption(layout, arguments)?;
        let place = layout.images();
        let images = tokio::task::spawn_blocking(move || Images::open(&place))
            .await?
            .context("images")?;
        images.offer(program_image(program_image::NAME, &[]))?;
        // From here on there is something to take down.
        settings.record(layout)?;
        let runtime = Embedded::open(settings.runtime(), images.clone())
            .await
            .context("runtime")?;
        step("container runtime");
        let nodes: Informer<Node> =
            Informer::start(clients.service_proxy.clone(), InformerOptions::default());
        let place = Place {
            node: name.clone(),
            addresses: now,
            cluster: ranges.pods.iter().collect(),
            pod_routes: arguments.pod_routes,
            flow_table: arguments.flow_table,
            encryption: encryption.clone(),
            kept: layout.wireguard_nodes(),
            client: clients.service_proxy.clone(),
            nodes: nodes.clone(),
        };
        let early = Arc::new(EarlyWays::start(&settings, &place, &client).await);
        let network = Arc::new(match settings.cni() {
            Some(config) => {
                NodeNetwork::Plugins(Arc::new(CniNetwork::new(config)), addresses.clone())
            }
            None => {
                let (client, settings) = (client.clone(), settings.clone());
                let network = LateNetwork::start(client, settings, place, early.clone());
                NodeNetwork::Own(Arc::new(network))
            }
        });
        let mut services = settings.service_proxy(&name);
        services.wireguard_port = encryption.map(|it| it.port);
        let view = service_view(&clients.service_proxy);
        let dns = (arguments.cluster_domain.as_str(), layout.dns_settings());
        let services = NodeServices::start(services, dns, &clients.service_proxy, view.clone());
        let services = services.await;
        let mut options = NodeOptions::new(&name, address, layout.node());
        options.addresses = addresses;
        options.port = listeners.port();
        let told = registration::labels(&arguments.node_labels);
        options.labels = told.map_err(anyhow::Error::msg)?;
        options.annotations = [(check::POD_NETWORK.to_owned(), settings.pod_network())].into();
        let told = registration::taints(&arguments.register_with_taints);
        options.taints = told.map_err(anyhow::Error::msg)?;
        options.cluster_domain.clone_from(&arguments.cluster_domain);
        if services.is_some() {
            let dns = checks::cluster_dns(ranges.services);
            options.cluster_dns = dns.into_iter().collect();
        }
        let resolv_conf = options.resolv_conf.clone();
        let clock = Arc::new(SystemClock);
        let volumes = Arc::new(HostVolumes::new(
            options.clone(),
            Objects::new(client.clone()),
            clock.clone(),
        ));
        early.until_the_api_answers(&client, &name).await;
        let agent = Agent::start(NodeParts {
            options,
            client,
            view,
            runtime: runtime.clone(),
            network: network.of_pods(),
            volumes,
            clock,
            services_applied: services.as_ref().map(NodeServices::applied),
        })
        .await
        .context("node agent")?;
        step(&format!("node {name} registered"));
        let announcer = AnnouncerConfig {
            node: name.clone(),
            heard: agent.heard(),
            netns: None,
        };
        let mut tasks = JoinSet::new();
        let (serving, served) = oneshot::channel();
        if let Some(services) = services {
            tasks.spawn(services.serve(
                (network.clone(), *ranges),
                resolv_conf,
                (announcer, nodes),
                serving,
            ));
        }
        match Server::new(tls, agent.api()) {
            Ok(server) => drop(tasks.spawn(listeners.serve(server))),
            Err(error) => tracing::error!(%error, "logs and exec cannot be served"),
        }
        let (socket, known) = (layout.control(), images.clone());
        tasks.spawn(async move {
            if let Err(error) = control::serve(socket, known, runtime).await {
                tracing::error!(%error, "`navarch image` cannot reach this process");
            }
        });
        Ok(Self {
            agent,
            images,
            name,
            network,
            served,
            tasks,
        })
    }

    /// The node's address among its pods, once there is a network.
    pub(crate) async fn gateway(&self) -> Option<IpAddr> {
        self.network.gateway().await
    }

    /// Waits until what the API has said of services is so on this node, if it ever will be.
    pub(crate) async fn services_served(&mut self) {
        // An error: the node runs without.
        let _ = tokio::time::timeout(SERVICES, &mut self.served).await;
    }

    /// Stops the agent. The containers run on.
    pub(crate) async fn stop(mut self) {
        self.agent.stop().await;
        self.tasks.shutdown().await;
    }
}

/// How packets to other nodes' pods are encrypted, with a key that is made at the first start that needs one.
fn encryption(layout: &Layout, arguments: &NodeArgs) -> Result<Option<Encryption>> {
    if arguments.pod_encryption == PodEncryption::None {
        return Ok(None);
    }
    let path = layout.wireguard_key();
    let key = wireguard_key::keep(&path).with_context(|| path.display().to_string())?;
    let port = arguments.wireguard_port;
    Ok(Some(Encryption { key, port }))
}

/// `why`: what root is needed for.
pub(crate) fn must_be_root(why: &str) -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let uid = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1));
    if uid != Some("0") {
        bail!("{why}. Run it with sudo");
    }
    Ok(())
}

/// The certificate that a node serves with, where it has the authority's key at hand.
pub(crate) fn leaf(name: &str, addresses: Vec<IpAddr>, shown: Arc<Exchangeable>) -> Leaf {
    Leaf {
        name: leaves::SERVING.to_owned(),
        subject: subject(name, addresses),
        purpose: Purpose::Server,
        in_use: leaves::shown_by(shown, ""),
    }
}

/// Whom that names: the node, at all of its addresses.
pub(crate) fn subject(name: &str, addresses: Vec<IpAddr>) -> Subject {
    Subject {
        name: format!("system:node:{name}"),
        group: Some("system:nodes".into()),
        dns_names: vec![name.to_owned()],
        addresses,
    }
}

/// How a node serves: with the certificate that is shown, to those whom the authority knows.
pub(crate) fn serving(authority: &str, certificate: Arc<Exchangeable>) -> Result<ServeOptions> {
    let authorities = CertificateDer::pem_slice_iter(authority.as_bytes());
    Ok(ServeOptions {
        certificate,
        client_authorities: authorities.collect::<Result<_, _>>()?,
    })
}
