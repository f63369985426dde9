//! `navarch agent`: a node that belongs to a control plane elsewhere.

use anyhow::Result;
use navarch_client::Servers;
use tokio::task::JoinSet;

use super::demo;
use crate::checks::{self, ClusterRanges, node_name};
use crate::cli::Agent;
use crate::layout::Layout;
use crate::node_addresses;
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
    let mut following = JoinSet::new();
    let servers = Servers::new(arguments.server.clone());
    let addresses = node_addresses::of(&arguments.node.node_ip, &servers, &ranges, &mut following)?;
    let place = Place {
        layout: &layout,
        arguments: &arguments,
        name: node_name(&arguments.node)?,
        addresses: addresses.clone(),
        servers,
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
        addresses,
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
