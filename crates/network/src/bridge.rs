//! The node's bridge, which carries the gateway's address, and the ports on it.

use std::{io, net::IpAddr};

use ipnet::IpNet;
use rtnetlink::{
    AddressMessageBuilder, LinkBridge, LinkUnspec,
    packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE},
    packet_route::{
        RouteNetlinkMessage,
        address::{AddressAttribute, AddressFlags, AddressMessage},
        link::{BridgeBooleanOptionFlags, InfoKind, LinkAttribute, LinkInfo, LinkMessage},
    },
};

use crate::{
    Error,
    config::{Config, mac_address},
    forwarding,
    netlink::{Netlink, is_absent, is_present},
};

/// Makes the bridge what the configuration says, whether or not it is there, and returns its index.
pub(crate) fn ensure(
    netlink: &mut Netlink,
    config: &Config,
    gateways: &[IpNet],
) -> Result<u32, Error> {
    let failed = |action: &str, source| Error::Netlink {
        action: format!("{action} bridge {}", config.bridge),
        source,
    };
    let mac = gateways.first().map(|gateway| mac_address(gateway.addr()));
    let mac = mac.map(|mac| mac.to_vec()).unwrap_or_default();
    // Of frames to the neighbouring bridge alone it learns nothing: no rule sees by which hardware address they come. Nor does it listen for who
    // is in which group: what pods say of that goes no further than their ports, and none would hear who looks for it.
    let wanted = LinkBridge::new(&config.bridge)
        .mcast_snooping(false)
        .set_boolean_opt(BridgeBooleanOptionFlags::NoLinkLocalLearn, true)
        .mtu(config.mtu)
        .address(mac)
        .build();
    let new = RouteNetlinkMessage::NewLink(wanted.clone());
    match netlink.one(new, NLM_F_CREATE | NLM_F_EXCL) {
        Err(error) if !is_present(&error) => return Err(failed("create", error)),
        _ => {}
    }
    let link = find(netlink, &config.bridge)?
        .ok_or_else(|| failed("find", io::ErrorKind::NotFound.into()))?;
    let index = link.header.index;
    if gateways.iter().any(|gateway| gateway.addr().is_ipv6()) {
        forwarding::let_ipv6(&config.bridge);
    }
    let mut requests = vec![(RouteNetlinkMessage::NewLink(wanted), 0)];
    requests.extend(gateways.iter().map(|gateway| {
        let address = address(index, gateway.addr(), gateway.prefix_len());
        (
            RouteNetlinkMessage::NewAddress(address),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }));
    let set_up = netlink
        .batch(requests)
        .and_then(|answers| answers.into_iter().try_for_each(|a| a.map(drop)));
    set_up.map_err(|e| failed("set up", e))?;
    remove_former_addresses(netlink, index, gateways).map_err(|e| failed("clean up", e))?;
    Ok(index)
}

/// Takes away what an earlier run with another pod CIDR left: the node would keep that node's pods for its own.
fn remove_former_addresses(
    netlink: &mut Netlink,
    index: u32,
    gateways: &[IpNet],
) -> io::Result<()> {
    let is_former = |address: &AddressMessage| {
        address.header.index == index
            && ip_of(address).is_some_and(|ip| {
                !is_link_local(ip) && gateways.iter().all(|gateway| gateway.addr() != ip)
            })
    };
    let former = netlink.addresses()?.into_iter().filter(is_former);
    let requests = former
        .map(|address| (RouteNetlinkMessage::DelAddress(address), 0))
        .collect();
    netlink
        .batch(requests)?
        .into_iter()
        .try_for_each(|answer| answer.map(drop))
}

/// The interface's own address; `Address` is the other end's on a point-to-point link, and all that IPv6 has.
fn ip_of(address: &AddressMessage) -> Option<IpAddr> {
    let local = address.attributes.iter().find_map(|a| match a {
        AddressAttribute::Local(ip) => Some(*ip),
        _ => None,
    });
    let any = || {
        address.attributes.iter().find_map(|a| match a {
            AddressAttribute::Address(ip) => Some(*ip),
            _ => None,
        })
    };
    local.or_else(any)
}

/// The interface's own address with the length of its prefix.
pub(crate) fn network_of(address: &AddressMessage) -> Option<IpNet> {
    IpNet::new(ip_of(address)?, address.header.prefix_len).ok()
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// The interface of that name, if it is a bridge; an error if it is something else.
fn find(netlink: &mut Netlink, name: &str) -> Result<Option<LinkMessage>, Error> {
    let wanted = LinkUnspec::new_with_name(name).build();
    let found = netlink.link(wanted).map_err(|source| Error::Netlink {
        action: format!("find bridge {name}"),
        source,
    })?;
    match found {
        Some(link) if !is_bridge(&link) => Err(Error::NotABridge(name.to_owned())),
        found => Ok(found),
    }
}

/// The names of the bridge's ports that begin with `prefix`. None if there is no bridge.
pub(crate) fn ports(
    netlink: &mut Netlink,
    bridge: &str,
    prefix: &str,
) -> Result<Vec<String>, Error> {
    let Some(bridge) = find(netlink, bridge)? else {
        return Ok(Vec::new());
    };
    let links = netlink.links().map_err(|source| Error::Netlink {
        action: "list interfaces".to_owned(),
        source,
    })?;
    let ports = links
        .iter()
        .filter(|link| controller(link) == Some(bridge.header.index));
    Ok(ports
        .filter_map(name)
        .filter(|name| name.starts_with(prefix))
        .map(str::to_owned)
        .collect())
}

/// Removes the bridge; whatever is attached to it stays, detached. Done already is done.
pub(crate) fn remove(netlink: &mut Netlink, bridge: &str) -> Result<(), Error> {
    if find(netlink, bridge)?.is_none() {
        return Ok(());
    }
    match netlink.one(
        RouteNetlinkMessage::DelLink(LinkUnspec::new_with_name(bridge).build()),
        0,
    ) {
        Err(source) if !is_absent(&source) => Err(Error::Netlink {
            action: format!("remove bridge {bridge}"),
            source,
        }),
        _ => Ok(()),
    }
}

/// The request that gives an interface an address of either family. Nobody on the link is asked first whether it has it: the node gives
/// each out once, and an answer that does not come takes a second.
pub(crate) fn address(index: u32, ip: IpAddr, prefix_len: u8) -> AddressMessage {
    use std::net::{Ipv4Addr, Ipv6Addr};
    match ip {
        IpAddr::V4(ip) => AddressMessageBuilder::<Ipv4Addr>::new()
            .index(index)
            .address(ip, prefix_len)
            .build(),
        IpAddr::V6(ip) => {
            let mut message = AddressMessageBuilder::<Ipv6Addr>::new()
                .index(index)
                .address(ip, prefix_len)
                .build();
            let flags = AddressAttribute::Flags(AddressFlags::Nodad);
            message.attributes.push(flags);
            message
        }
    }
}

/// The index of the bridge that the interface is a port of.
pub(crate) fn controller(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|a| match a {
        LinkAttribute::Controller(index) => Some(*index),
        _ => None,
    })
}

fn name(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|a| match a {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

fn is_bridge(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|a| match a {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Bridge)),
        _ => false,
    })
}
