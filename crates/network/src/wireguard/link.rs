//! The device as an interface: its name, kind, size and addresses.

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::{LinkUnspec, LinkWireguard};

use super::Provider;
use crate::bridge::{address, network_of};
use crate::netlink::{Netlink, Request, is_absent, is_present};

/// The device's name, from the bridge's.
pub(crate) fn name(bridge: &str) -> String {
    crate::config::interface_beside(bridge, "wg")
}

/// The device, if it is there, and whose; an error if something else has its name.
pub(crate) fn find(
    netlink: &mut Netlink,
    name: &str,
) -> io::Result<Option<(LinkMessage, Provider)>> {
    let Some(link) = netlink.link(LinkUnspec::new_with_name(name).build())? else {
        return Ok(None);
    };
    match provider_of(&link) {
        Some(provider) => Ok(Some((link, provider))),
        None => Err(io::Error::other(format!(
            "interface {name} exists and is no WireGuard device"
        ))),
    }
}

fn provider_of(link: &LinkMessage) -> Option<Provider> {
    link.attributes.iter().find_map(|it| match it {
        LinkAttribute::LinkInfo(infos) => infos.iter().find_map(|info| match info {
            LinkInfo::Kind(InfoKind::Wireguard) => Some(Provider::Kernel),
            LinkInfo::Kind(InfoKind::Tun) => Some(Provider::Userspace),
            _ => None,
        }),
        _ => None,
    })
}

/// Has the kernel make one of its devices. `false`: it has none (`EOPNOTSUPP`).
pub(super) fn make(netlink: &mut Netlink, name: &str) -> io::Result<bool> {
    let new = RouteNetlinkMessage::NewLink(LinkWireguard::new(name).build());
    match netlink.one(new, NLM_F_CREATE | NLM_F_EXCL) {
        Err(error) if error.raw_os_error() == Some(nix::libc::EOPNOTSUPP) => Ok(false),
        Err(error) if !is_present(&error) => Err(error),
        _ => Ok(true),
    }
}

/// Removes the device, with its peers. Done already is done, and what else has its name is somebody else's.
pub(crate) fn remove(netlink: &mut Netlink, name: &str) -> io::Result<()> {
    let there = netlink.link(LinkUnspec::new_with_name(name).build())?;
    if there.as_ref().and_then(provider_of).is_none() {
        return Ok(());
    }
    let link = LinkUnspec::new_with_name(name).build();
    match netlink.one(RouteNetlinkMessage::DelLink(link), 0) {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Has the device be up, with this size and the node's addresses among its pods: what this host itself sends to other nodes' pods comes from
/// there. What is so already is not set anew, for the kernel would tell of a change.
pub(super) fn set(
    netlink: &mut Netlink,
    name: &str,
    link: &LinkMessage,
    mtu: u32,
    gateways: &[IpAddr],
) -> io::Result<()> {
    if gateways.iter().any(IpAddr::is_ipv6) {
        crate::forwarding::let_ipv6(name);
    }
    let index = link.header.index;
    let mut missing: Vec<Request> = Vec::new();
    let is_up = link.header.flags.contains(LinkFlags::Up);
    if !is_up || !link.attributes.contains(&LinkAttribute::Mtu(mtu)) {
        let up = LinkUnspec::new_with_index(index).mtu(mtu).up().build();
        missing.push((RouteNetlinkMessage::SetLink(up), 0));
    }
    let all = netlink.addresses()?;
    for gateway in gateways {
        let own = IpNet::from(*gateway);
        let has = |it: &AddressMessage| it.header.index == index && network_of(it) == Some(own);
        if !all.iter().any(has) {
            // The bridge has it as well.
            let new = address(index, *gateway, own.max_prefix_len());
            let new = RouteNetlinkMessage::NewAddress(new);
            missing.push((new, NLM_F_CREATE | NLM_F_REPLACE));
        }
    }
    let answers = netlink.batch(missing)?;
    answers.into_iter().try_for_each(|answer| answer.map(drop))
}
