//! Where an agent's node is: at the addresses that it was told or, where it was told none, at that from which the API is reached. That one is
//! followed, for the host may be given another.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use ipnet::IpNet;
use navarch_client::{NoServer, Servers};
use navarch_network::HostInterfaces;
use navarch_node::Addresses;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::checks::ClusterRanges;

mod place;
#[cfg(test)]
mod tests;

use place::{Place, Seen, may_be_a_node_s, may_be_next};

/// How often it is looked though nothing was heard, as the kubelet does (`nodeStatusUpdateFrequency`).
const LOOK: Duration = Duration::from_secs(10);
/// The same while the host has the node's address no more: a route comes without being heard of.
const LOOK_FOR_ANOTHER: Duration = Duration::from_secs(1);
/// Changes come in groups.
const SETTLE: Duration = Duration::from_millis(100);
/// The addresses of an agent's node: those that it was told. Where it was told none one of the tasks follows what it is at.
pub(crate) fn of(
    told: &[IpAddr],
    servers: &Servers,
    ranges: &ClusterRanges,
    tasks: &mut JoinSet<()>,
) -> Result<Addresses> {
    if !told.is_empty() {
        return Ok(told.to_vec().into());
    }
    let address = way_to_any(servers.urls(), may_be_a_node_s)?;
    let (sender, addresses) = watch::channel(vec![address]);
    let (interfaces, servers) = (HostInterfaces::follow()?, servers.clone());
    let inside: Vec<IpNet> = ranges.pods.iter().chain(ranges.services.iter()).collect();
    tasks.spawn(follow(address, inside.into(), interfaces, servers, sender));
    Ok(addresses.into())
}

/// The node keeps its address for as long as the host has it. `inside`: where pods and services are, and no node.
async fn follow(
    address: IpAddr,
    inside: Arc<[IpNet]>,
    interfaces: HostInterfaces,
    servers: Servers,
    addresses: watch::Sender<Vec<IpAddr>>,
) {
    let mut place = Place::at(address);
    loop {
        let (own, urls, inside) = (place.address, servers.urls().to_vec(), inside.clone());
        match tokio::task::spawn_blocking(move || look(own, &urls, &inside)).await {
            Ok(seen) => {
                let was_gone = place.gone.is_some();
                if place.follow(seen, Instant::now()) {
                    tracing::warn!(was = %own, is = %place.address, "this host has the node's address no more: the node is at another now");
                    // What is told now must not wait for what was told from where the node was.
                    servers.reconnect();
                    addresses.send_replace(vec![place.address]);
                } else if place.gone.is_some() && !was_gone {
                    tracing::warn!(was = %own, "this host has the node's address no more, and no other for it yet");
                }
            }
            Err(error) => tracing::warn!(%error, "the node's address cannot be looked for"),
        }
        let wait = match place.gone {
            Some(_) => LOOK_FOR_ANOTHER,
            None => LOOK,
        };
        if tokio::time::timeout(wait, interfaces.changed())
            .await
            .is_ok()
        {
            tokio::time::sleep(SETTLE).await;
        }
    }
}

/// May ask a resolver.
fn look(own: IpAddr, servers: &[String], inside: &[IpNet]) -> Seen {
    let own_is_there = || HostInterfaces::have(own).then(|| HostInterfaces::which_has(own));
    if let Some(interface) = own_is_there() {
        return Seen::Own(interface);
    }
    let found = way_to_any(servers, |found| may_be_next(found, own, inside));
    // While a name was looked up it may have come back.
    if let Some(interface) = own_is_there() {
        return Seen::Own(interface);
    }
    let found = found.ok();
    let found = found.and_then(|found| Some((found, HostInterfaces::which_has(found)?)));
    found.map_or(Seen::Nothing, |(found, interface)| {
        Seen::Other(found, interface)
    })
}

/// The address of this host from which the first of these is reached that a way leads to, from an address that will do.
fn way_to_any(servers: &[String], will_do: impl Fn(IpAddr) -> bool) -> Result<IpAddr> {
    let mut first = None;
    for server in servers {
        match way_to(server) {
            Ok(found) if will_do(found) => return Ok(found),
            Ok(found) => {
                let why = anyhow!(
                    "--server {server} is reached from {found}, where no node can be: say where it is (--node-ip)"
                );
                first.get_or_insert(why);
            }
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.unwrap_or_else(|| NoServer.into()))
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
