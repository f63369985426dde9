//! A node, put together: images, runtime, pod network, volumes, agent and the node's own API.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use navarch_auth::leaves::Leaf;
use navarch_auth::{Purpose, Subject};
use navarch_client::{Client, SystemClock};
use navarch_node::certificates::Exchangeable;
use navarch_node::server::{self, ServeOptions};
use navarch_node::{Agent, HostVolumes, NodeOptions, NodeParts, Objects};
use navarch_runtime::embedded::Embedded;
use navarch_runtime::images::Images;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::checks;
use crate::cli::NodeArgs;
use crate::control;
use crate::host::HostSettings;
use crate::layout::Layout;
use crate::leaves;
use crate::pod_network::LateNetwork;

/// How a node's parts speak to the API.
pub(crate) struct Clients {
    /// The agent: as this node, which sees what its pods need.
    pub(crate) node: Client,
    /// As the service proxy, which sees all endpoints.
    pub(crate) service_proxy: Client,
}

/// A running node.
pub(crate) struct NodePlane {
    agent: Agent,
    /// The images, for imports by this process.
    pub(crate) images: Images,
    /// The node's name.
    pub(crate) name: String,
    tasks: JoinSet<()>,
}

impl NodePlane {
    /// Starts a node that speaks to the API through `clients`.
    pub(crate) async fn start(
        layout: &Layout,
        arguments: &NodeArgs,
        cluster_cidr: &str,
        address: IpAddr,
        clients: Clients,
        tls: ServeOptions,
        step: impl Fn(&str),
    ) -> Result<Self> {
        let name = checks::node_name(arguments)?;
        let client = clients.node;
        let cluster = checks::cluster_cidr(cluster_cidr)?;
        let settings = HostSettings::of(layout, arguments, cluster);
        let listener = SocketAddr::new(address, arguments.node_port);
        let listener = TcpListener::bind(listener)
            .await
            .with_context(|| format!("the node's API: listen on {listener}"))?;
        let place = layout.images();
        let images = tokio::task::spawn_blocking(move || Images::open(&place))
            .await?
            .context("images")?;
        // From here on there is something to take down.
        settings.record(layout)?;
        let runtime = Embedded::open(settings.runtime(), images.clone())
            .await
            .context("runtime")?;
        step("container runtime");
        let network = Arc::new(LateNetwork::start(
            client.clone(),
            &name,
            settings.clone(),
            vec![cluster],
        ));
        let mut options = NodeOptions::new(&name, address, layout.node());
        options.port = listener.local_addr()?.port();
        options.cluster_domain.clone_from(&arguments.cluster_domain);
        let clock = Arc::new(SystemClock);
        let volumes = Arc::new(HostVolumes::new(
            options.clone(),
            Objects::new(client.clone()),
            clock.clone(),
        ));
        let agent = Agent::start(NodeParts {
            options,
            client,
            service_proxy: clients.service_proxy,
            runtime: runtime.clone(),
            network,
            volumes,
            clock,
        })
        .await
        .context("node agent")?;
        step(&format!("node {name} registered"));
        let mut tasks = JoinSet::new();
        let api = agent.api();
        tasks.spawn(async move {
            if let Err(error) = server::serve(listener, tls, api).await {
                tracing::error!(%error, "logs and exec cannot be served");
            }
        });
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
            tasks,
        })
    }

    /// Stops the agent. The containers run on.
    pub(crate) async fn stop(mut self) {
        self.agent.stop().await;
        self.tasks.shutdown().await;
    }
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
pub(crate) fn leaf(name: &str, address: IpAddr, shown: Arc<Exchangeable>) -> Leaf {
    Leaf {
        name: "kubelet".into(),
        subject: Subject {
            name: format!("system:node:{name}"),
            group: Some("system:nodes".into()),
            dns_names: vec![name.to_owned()],
            addresses: vec![address],
        },
        purpose: Purpose::Server,
        in_use: leaves::shown_by(shown, ""),
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
