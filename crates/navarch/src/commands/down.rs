//! `navarch down`: stops the containers and removes what was made on the host.

use anyhow::{Context, Result, bail};
use navarch_network::{
    CniNetwork, FlowTable, NetworkPolicies, NodeRoutes, PodNetwork, ServiceProxy,
};
use navarch_runtime::embedded;
use navarch_runtime::images::Images;

use crate::bridge_claim;
use crate::cli::Down;
use crate::host::HostSettings;
use crate::layout::Layout;
use crate::node_plane::must_be_root;
use crate::pod_network;
use crate::progress::Progress;

pub(super) async fn run(arguments: &Down) -> Result<()> {
    must_be_root("to stop containers and to remove mounts, namespaces and interfaces needs root")?;
    let progress = Progress::start();
    let layout = Layout::existing(&arguments.data.data_dir)?;
    let Some(settings) = HostSettings::read(&layout)? else {
        println!(
            "nothing of {} is left on this host: its node never ran, or was taken down already",
            arguments.data.data_dir.display()
        );
        return Ok(());
    };
    if tokio::net::UnixStream::connect(layout.control())
        .await
        .is_ok()
    {
        bail!(
            "navarch still runs on this data directory; stop it first (Ctrl-C, or SIGTERM to its process)"
        );
    }
    let runtime = settings.runtime();
    embedded::end_everything(&runtime)
        .await
        .context("containers")?;
    if let Some(config) = settings.cni() {
        // While their namespaces are still there. What plugins ask may have been a container of this node, or they are gone themselves: that
        // keeps nothing else.
        if let Err(error) = CniNetwork::new(config).disconnect_all().await {
            eprintln!(
                "warning: what plugins have connected is not disconnected, all of it: {error}"
            );
        }
    }
    let place = settings.images.clone();
    let images = tokio::task::spawn_blocking(move || Images::open(&place))
        .await?
        .context("images")?;
    embedded::remove_everything(runtime, images)
        .await
        .context("containers")?;
    progress.done("containers stopped");
    let (pods, routes) = pod_network::removal(&settings);
    NodeRoutes::remove_everything(routes)
        .await
        .context("ways to other nodes")?;
    PodNetwork::remove_everything(pods)
        .await
        .context("pod network")?;
    ServiceProxy::remove_everything(settings.service_proxy(""))
        .await
        .context("rules of services")?;
    FlowTable::remove_everything(settings.flow_table())
        .await
        .context("flow table")?;
    NetworkPolicies::remove_everything(settings.policies())
        .await
        .context("rules of network policies")?;
    progress.done("pod network removed");
    navarch_node::volumes::remove_everything(&settings.node)
        .await
        .map_err(anyhow::Error::msg)
        .context("volumes")?;
    progress.done("volumes removed");
    bridge_claim::give_up(&settings, &layout.host_settings())?;
    // The directory that all data directories share goes with the last of them.
    let _ = settings.run.parent().map(std::fs::remove_dir);
    let _ = std::fs::remove_file(layout.control());
    std::fs::remove_file(layout.host_settings()).context("host settings")?;
    Ok(())
}
