//! Where an agent's node is: at the addresses that it was told or, where it was told none, at that from which the API is reached. That one is
//! followed, for the host may be given another.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ipnet::IpNet;
use navarch_client::{NoServer, Servers};
use navarch_network::HostInterfaces;
use navarch_node::Addresses;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::checks::ClusterRanges;

/// How often it is looked though nothing was heard, as the kubelet does (`nodeStatusUpdateFrequency`).
const LOOK: Duration = Duration::from_secs(10);
/// The same while the host has the node's address no more, and no other: a route comes without being heard of.
const LOOK_FOR_ANOTHER: Duration = Duration::from_secs(1);
/// Changes come in groups.
const SETTLE: Duration = Duration::from_millis(100);
/// So long an address may be away before the node goes to another interface: a link may be down for a moment, a lease renewed.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let address = way_to_any(servers.urls())?;
    ensure!(
        address.is_loopback() || is_for_others(address),
        "the API is reached from {address}, at which nobody reaches this node: --node-ip says where it is"
    );
    let inside = ranges.pods.iter().chain(ranges.services.iter()).collect();
    let place = Place::new(address, inside, &HostInterfaces::addresses()?);
    let (sender, addresses) = watch::channel(vec![address]);
    let (interfaces, servers) = (HostInterfaces::follow()?, servers.clone());
    tasks.spawn(follow(place, interfaces, servers, sender));
    Ok(addresses.into())
}

/// An address of the host, and the name of its interface.
type Held = (String, IpAddr);

/// Where the node is. It stays for as long as the host has the address.
#[derive(Debug, Clone)]
struct Place {
    /// Where pods and services are, and no node.
    inside: Vec<IpNet>,
    at: IpAddr,
    interface: String,
    /// What it had to leave for another interface, and goes back to.
    home: Option<Held>,
    /// Since when the host has the address no more.
    gone: Option<Instant>,
}

impl Place {
    fn new(at: IpAddr, inside: Vec<IpNet>, held: &[Held]) -> Self {
        let interface = interface_of(held, at).unwrap_or_default().to_owned();
        Self {
            inside,
            at,
            interface,
            home: None,
            gone: None,
        }
    }

    /// Whether it may have to go elsewhere.
    fn is_in_doubt(&self, held: &[Held]) -> bool {
        self.home.is_some() || interface_of(held, self.at).is_none()
    }

    /// Where it goes. `held` are the addresses that the host has, `way` is that from which the API is reached. To another address of its
    /// interface it goes at once, to another interface after a while, and back as soon as it can; never to the other family, for its pods
    /// are of one.
    fn next(&mut self, held: &[Held], way: Option<IpAddr>, now: Instant) -> Option<IpAddr> {
        let way = way.filter(|way| self.may_be_at(*way));
        let way = way.and_then(|way| Some((interface_of(held, way)?.to_owned(), way)));
        if let Some(home) = &self.home {
            let is_back = held.contains(home);
            let renewed = way.clone().filter(|(interface, _)| *interface == home.0);
            if let Some(back) = is_back.then(|| home.clone()).or(renewed) {
                self.home = None;
                return self.go(back);
            }
        }
        if interface_of(held, self.at).is_some() {
            self.gone = None;
            return None;
        }
        let gone = *self.gone.get_or_insert(now);
        let (interface, way) = way?;
        if interface != self.interface {
            if now.duration_since(gone) < PATIENCE {
                return None;
            }
            let left = (self.interface.clone(), self.at);
            self.home.get_or_insert(left);
        }
        self.go((interface, way))
    }

    fn may_be_at(&self, ip: IpAddr) -> bool {
        is_for_others(ip)
            && ip.is_ipv4() == self.at.is_ipv4()
            && !self.inside.iter().any(|range| range.contains(&ip))
    }

    fn go(&mut self, (interface, at): Held) -> Option<IpAddr> {
        self.gone = None;
        self.interface = interface;
        (std::mem::replace(&mut self.at, at) != at).then_some(at)
    }
}

/// Whether others may be told of the address: the kubelet refuses the same.
fn is_for_others(ip: IpAddr) -> bool {
    let is_of_link = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(is_of_link || ip.is_loopback() || ip.is_unspecified() || ip.is_multicast())
}

fn interface_of(held: &[Held], ip: IpAddr) -> Option<&str> {
    let (interface, _) = held.iter().find(|(_, held)| *held == ip)?;
    Some(interface)
}

async fn follow(
    mut place: Place,
    interfaces: HostInterfaces,
    servers: Servers,
    addresses: watch::Sender<Vec<IpAddr>>,
) {
    loop {
        let (mut looked, urls) = (place.clone(), servers.urls().to_vec());
        let look = tokio::task::spawn_blocking(move || {
            let way = match looked.is_in_doubt(&HostInterfaces::addresses()?) {
                // It may ask a resolver, and take its time: what the host has is looked at afterwards.
                true => way_to_any(&urls).ok(),
                false => None,
            };
            let next = looked.next(&HostInterfaces::addresses()?, way, Instant::now());
            std::io::Result::Ok((looked, next))
        });
        match look.await.map_err(std::io::Error::from).flatten() {
            Ok((looked, next)) => {
                if let Some(next) = next {
                    tracing::warn!(was = %place.at, is = %next, "the node is at another address of this host now");
                    // What is told now must not wait for what was told from where the node was.
                    servers.reconnect();
                    addresses.send_replace(vec![next]);
                } else if looked.gone.is_some() && place.gone.is_none() {
                    tracing::warn!(address = %place.at, "this host has the node's address no more, and no other yet");
                }
                place = looked;
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

#[cfg(test)]
mod tests;
