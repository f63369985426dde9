//! What the tunnel's device is told of the other nodes: which hardware address an address has (neighbours), and at which host that is
//! (the forwarding database). The device learns neither, so that nobody can tell it otherwise.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::plan::Tunnelled;
use crate::netlink::{Netlink, Request, is_absent};

/// One thing that the device is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    /// The address is at this hardware address.
    Neighbour(IpAddr, [u8; 6]),
    /// The hardware address is at this host.
    Forward([u8; 6], IpAddr),
}

/// What the device is to be told.
pub(crate) fn wanted<'a>(ways: impl IntoIterator<Item = &'a Tunnelled>) -> BTreeSet<Entry> {
    let of_way = |way: &Tunnelled| {
        [
            Entry::Neighbour(way.gateway, way.mac),
            Entry::Forward(way.mac, way.host),
        ]
    };
    ways.into_iter().flat_map(of_way).collect()
}

/// What it was told before.
pub(crate) fn present(netlink: &mut Netlink, device: u32) -> io::Result<BTreeSet<Entry>> {
    let mut all = BTreeSet::new();
    for family in [
        AddressFamily::Inet,
        AddressFamily::Inet6,
        AddressFamily::Bridge,
    ] {
        let found = netlink.neighbours(family, device)?;
        all.extend(found.iter().filter_map(|message| entry(message, device)));
    }
    Ok(all)
}

/// Tells it what is missing; an address that has moved moves.
pub(crate) fn add(netlink: &mut Netlink, device: u32, missing: &[Entry]) -> io::Result<()> {
    let request = |entry: &Entry| -> Request {
        let message = message(entry, device);
        (
            RouteNetlinkMessage::NewNeighbour(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    };
    let answers = netlink.batch(missing.iter().map(request).collect())?;
    answers.into_iter().try_for_each(|answer| answer.map(drop))
}

/// Has it forget; what it has forgotten already is no matter.
pub(crate) fn remove(netlink: &mut Netlink, device: u32, extra: &[Entry]) -> io::Result<()> {
    let request = |entry: &Entry| -> Request {
        let message = message(entry, device);
        (RouteNetlinkMessage::DelNeighbour(message), 0)
    };
    let answers = netlink.batch(extra.iter().map(request).collect())?;
    answers.into_iter().try_for_each(|answer| match answer {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    })
}

fn message(entry: &Entry, device: u32) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = device;
    message.header.state = NeighbourState::Permanent;
    let (ip, mac) = match entry {
        Entry::Neighbour(ip, mac) => {
            message.header.family = match ip {
                IpAddr::V4(_) => AddressFamily::Inet,
                IpAddr::V6(_) => AddressFamily::Inet6,
            };
            (ip, mac)
        }
        Entry::Forward(mac, ip) => {
            message.header.family = AddressFamily::Bridge;
            message.header.flags = NeighbourFlags::Own;
            (ip, mac)
        }
    };
    message
        .attributes
        .push(NeighbourAttribute::Destination((*ip).into()));
    message
        .attributes
        .push(NeighbourAttribute::LinkLayerAddress(mac.to_vec()));
    message
}

fn entry(message: &NeighbourMessage, device: u32) -> Option<Entry> {
    let is_told = message.header.state == NeighbourState::Permanent;
    if message.header.ifindex != device || !is_told {
        return None;
    }
    let (mut ip, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(address) => ip = ip_of(address),
            NeighbourAttribute::LinkLayerAddress(octets) => mac = octets.as_slice().try_into().ok(),
            _ => {}
        }
    }
    match message.header.family {
        AddressFamily::Bridge => Some(Entry::Forward(mac?, ip?)),
        _ => Some(Entry::Neighbour(ip?, mac?)),
    }
}

/// In the forwarding database, what family an address is of is told by its length alone.
fn ip_of(address: &NeighbourAddress) -> Option<IpAddr> {
    match address {
        NeighbourAddress::Inet(ip) => Some((*ip).into()),
        NeighbourAddress::Inet6(ip) => Some((*ip).into()),
        NeighbourAddress::Other(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(octets.as_slice())
                .ok()
                .map(|octets| Ipv4Addr::from(octets).into()),
            _ => <[u8; 16]>::try_from(octets.as_slice())
                .ok()
                .map(|octets| Ipv6Addr::from(octets).into()),
        },
        _ => None,
    }
}
