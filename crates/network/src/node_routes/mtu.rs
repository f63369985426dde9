//! How large a pod's packets may be, so that they fit through the tunnel in one piece.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use super::tunnel::{OVERHEAD_V4, OVERHEAD_V6};
use crate::bridge;
use crate::config::{MAX_MTU, MIN_MTU};
use crate::namespace;
use crate::netlink::Netlink;
use crate::wireguard;

/// Ethernet's.
pub(super) const USUAL: u32 = 1500;

/// The largest packet of the pods of the node that is at this address, in the network namespace of that path or the caller's: what the
/// interface of that address takes, less what the tunnel puts around. It is the same whether or not there is a tunnel yet, for pods
/// keep theirs, and a node behind a router may join at any time. `encrypted`: what is put around is WireGuard's. A node at a loopback address has
/// no others.
pub async fn pod_mtu(node: IpAddr, encrypted: bool, netns: Option<PathBuf>) -> u32 {
    if node.is_loopback() {
        return USUAL;
    }
    let look = move || namespace::open_socket(netns.as_deref(), move || underlying(node));
    let found = match tokio::task::spawn_blocking(look).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the host's interfaces cannot be looked at");
            None
        }
        Err(_) => None,
    };
    within(found.unwrap_or(USUAL), node, encrypted)
}

pub(super) fn within(underlying: u32, node: IpAddr, encrypted: bool) -> u32 {
    let overhead = match (node, encrypted) {
        (IpAddr::V4(_), false) => OVERHEAD_V4,
        (IpAddr::V6(_), false) => OVERHEAD_V6,
        (IpAddr::V4(_), true) => wireguard::OVERHEAD_V4,
        (IpAddr::V6(_), true) => wireguard::OVERHEAD_V6,
    };
    underlying.saturating_sub(overhead).clamp(MIN_MTU, MAX_MTU)
}

/// That of the interface that has the address. Nothing leaves the host by its loopback interface, where hosts that tell routers of their address
/// have it, so that it says nothing of what others take.
fn underlying(node: IpAddr) -> io::Result<Option<u32>> {
    let mut netlink = Netlink::open()?;
    let addresses = netlink.addresses()?;
    let has = addresses
        .iter()
        .find(|it| bridge::network_of(it).is_some_and(|own| own.addr() == node));
    let Some(index) = has.map(|address| address.header.index) else {
        return Ok(None);
    };
    let links = netlink.links()?;
    let link = links.iter().find(|link| link.header.index == index);
    Ok(link.filter(|link| !is_loopback(link)).and_then(mtu_of))
}

fn is_loopback(link: &LinkMessage) -> bool {
    link.header.flags.contains(LinkFlags::Loopback)
}

fn mtu_of(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|it| match it {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    })
}
