//! Where an agent's node is: at the addresses that it was told or, where it was told none, at that from which the API is reached. That one is
//! followed, for the host may be given another.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result};
use navarch_client::{NoServer, Servers};
use navarch_network::HostInterfaces;
use navarch_node::Addresses;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often it is looked though nothing was heard, as the kubelet does (`nodeStatusUpdateFrequency`).
const LOOK: Duration = Duration::from_secs(10);
/// The same while the host has the node's address no more, and no other: a route comes without being heard of.
const LOOK_FOR_ANOTHER: Duration = Duration::from_secs(1);
/// Changes come in groups.
const SETTLE: Duration = Duration::from_millis(100);

/// The addresses of an agent's node: those that it was told. Where it was told none one of the tasks follows what it is at.
pub(crate) fn of(told: &[IpAddr], servers: &Servers, tasks: &mut JoinSet<()>) -> Result<Addresses> {
    if !told.is_empty() {
        return Ok(told.to_vec().into());
    }
    let address = way_to_any(servers.urls())?;
    let (sender, addresses) = watch::channel(vec![address]);
    let (interfaces, servers) = (HostInterfaces::follow()?, servers.clone());
    tasks.spawn(follow(address, interfaces, servers, sender));
    Ok(addresses.into())
}

/// The node keeps its address for as long as the host has it.
async fn follow(
    mut address: IpAddr,
    interfaces: HostInterfaces,
    servers: Servers,
    addresses: watch::Sender<Vec<IpAddr>>,
) {
    loop {
        let (own, urls) = (address, servers.urls().to_vec());
        // It may ask a resolver.
        let look = move || match HostInterfaces::have(own) {
            true => Ok(own),
            false => way_to_any(&urls),
        };
        let wait = match tokio::task::spawn_blocking(look).await {
            Ok(Ok(found)) => {
                if found != address {
                    tracing::warn!(was = %address, is = %found, "this host has the node's address no more: the node is at another now");
                    address = found;
                    // What is told now must not wait for what was told from where the node was.
                    servers.reconnect();
                    addresses.send_replace(vec![found]);
                }
                LOOK
            }
            Ok(Err(error)) => {
                tracing::debug!(error = format!("{error:#}"), was = %address, "this host has the node's address no more, and no other");
                LOOK_FOR_ANOTHER
            }
            Err(error) => {
                tracing::warn!(%error, "the node's address cannot be looked for");
                LOOK
            }
        };
        if tokio::time::timeout(wait, interfaces.changed())
            .await
            .is_ok()
        {
            tokio::time::sleep(SETTLE).await;
        }
    }
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
