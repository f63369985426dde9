//! `navarch agent`: a node that belongs to a control plane elsewhere.

use std::net::{IpAddr, UdpSocket};

use anyhow::{Context, Result};
use navarch_client::{NoServer, Servers};

use super::demo;
use crate::checks::{self, ClusterRanges, node_name};
use crate::cli::Agent;
use crate::layout::Layout;
use crate::node_identity::{self, Identity, Place};
use crate::node_plane::{self, Clients, NodePlane, must_be_root};
use crate::progress::Progress;
use crate::signals::Stop;

pub(super) async fn run(arguments: Agent) -> Result<()> {
    must_be_root("a node needs root: it makes namespaces, mounts and control groups")?;
    let progress = Progress::start();
    let layout = Layout::open(&arguments.data.data_dir)?;
    let ranges = ClusterRanges::parse(&arguments.cluster_cidr, &arguments.service_cidr)?;
    checks::node(&layout, &arguments.node, &ranges)?;
    let address = match arguments.node.node_ip.first() {
        Some(address) => *address,
        None => way_to_any(&arguments.server)?,
    };
    let place = Place {
        layout: &layout,
        arguments: &arguments,
        name: node_name(&arguments.node)?,
        address,
        servers: Servers::new(arguments.server.clone()),
        authority: node_identity::authority(&layout, &arguments).await?,
    };
    let mut identity = Identity::of(&place).await?;
    progress.done("certificates");
    let clients = Clients {
        node: identity.node.clone(),
        service_proxy: identity.service_proxy.clone(),
    };
    let tls = node_plane::serving(&place.authority, identity.serving.clone())?;
    let own = clients.node.clone();
    let step = |what: &str| progress.done(what);
    let node = NodePlane::start(
        &layout,
        &arguments.node,
        &ranges,
        address,
        clients,
        tls,
        step,
    )
    .await?;
    // Only now is it sure that no other process has the data directory.
    identity.listen(&layout);
    demo::node_ready(&own, &node.name).await?;
    let mut stop = Stop::listen()?;
    progress.done("node ready");
    stop.asked().await;
    println!("stopping; the containers run on (`navarch down` stops them)");
    let stopping = async {
        node.stop().await;
        identity.stop().await;
    };
    stop.unless_asked_again(stopping).await
}

/// The address of this host from which the first of these is reached that a way leads to.
fn way_to_any(servers: &[String]) -> Result<IpAddr> {
    let mut ways = servers.iter().map(|server| way_to(server));
    let first = ways.next().unwrap_or_else(|| Err(NoServer.into()));
    first.or_else(|error| ways.find_map(Result::ok).ok_or(error))
}

/// The address of this host from which the server is reached.
fn way_to(server: &str) -> Result<IpAddr> {
    let url: http::Uri = server
        .parse()
        .with_context(|| format!("--server {server}"))?;
    let host = url.host().unwrap_or("").trim_matches(['[', ']']);
    let port = url.port_u16().unwrap_or(443);
    let any = if host.contains(':') {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    };
    let socket = UdpSocket::bind(any)?;
    // A datagram socket sends nothing when it connects; it only looks up the route.
    socket
        .connect((host, port))
        .with_context(|| format!("--server {server}"))?;
    Ok(socket.local_addr()?.ip())
}
