//! Which interfaces of this host are on a segment, by the node's own addresses.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::link::LinkAttribute;

use super::Mac;
use crate::bridge;
use crate::netlink::Netlink;

/// An interface that has an address of the node's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interface {
    pub(super) index: u32,
    pub(super) mac: Mac,
    /// The node's addresses there, each with its network.
    pub(super) networks: Vec<IpNet>,
}

impl Interface {
    /// The network that the address is in.
    pub(super) fn network_of(&self, ip: IpAddr) -> Option<IpNet> {
        let mut networks = self.networks.iter();
        networks.find(|network| network.contains(&ip)).copied()
    }

    /// The node's address of IPv6.
    pub(super) fn own_v6(&self) -> Option<Ipv6Addr> {
        self.networks.iter().find_map(|network| match network {
            IpNet::V6(network) => Some(network.addr()),
            IpNet::V4(_) => None,
        })
    }
}

/// Those that have one of these addresses. Who is on no Ethernet has no such hardware address, and is asked for none.
pub(super) fn with(netlink: &mut Netlink, addresses: &[IpAddr]) -> io::Result<Vec<Interface>> {
    let mut networks: BTreeMap<u32, Vec<IpNet>> = BTreeMap::new();
    for address in netlink.addresses()? {
        if let Some(own) =
            bridge::network_of(&address).filter(|own| addresses.contains(&own.addr()))
        {
            networks.entry(address.header.index).or_default().push(own);
        }
    }
    let mut all = Vec::new();
    for (index, mut networks) in networks {
        let wanted = LinkUnspec::new_with_index(index).build();
        let link = netlink.link(wanted)?;
        let attributes = link.into_iter().flat_map(|link| link.attributes);
        let mac = attributes
            .into_iter()
            .find_map(|attribute| match attribute {
                LinkAttribute::Address(octets) => Mac::try_from(octets).ok(),
                _ => None,
            });
        networks.sort_unstable();
        all.extend(mac.map(|mac| Interface {
            index,
            mac,
            networks,
        }));
    }
    Ok(all)
}
