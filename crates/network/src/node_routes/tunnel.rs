//! The tunnel's device: one VXLAN interface that learns nothing, and is told of each node.

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::{LinkUnspec, LinkVxlan};
use sha2::{Digest, Sha256};

use super::plan::Begin;
use crate::bridge::{address, network_of};
use crate::config::interface_beside;
use crate::netlink::{Netlink, Request, is_absent, is_present};

/// Where tunnelled packets are sent to: the port that is assigned to VXLAN. Network cards and firewalls know it, where the one that Linux
/// had before it was assigned (8472) has to be told to them.
pub(crate) const PORT: u16 = 4789;
/// Octets that the tunnel puts around a packet: Ethernet 14, VXLAN 8, UDP 8, IPv4 20.
pub(crate) const OVERHEAD_V4: u32 = 50;
/// The same where the nodes' addresses are of IPv6, whose head has 40.
pub(crate) const OVERHEAD_V6: u32 = 70;

/// The device's name, from the bridge's.
pub(crate) fn name(bridge: &str) -> String {
    interface_beside(bridge, "vx")
}

/// The number of a cluster's tunnels (VNI), from where its pods are: clusters on one host or one segment keep apart.
pub(crate) fn number(cluster: &[IpNet]) -> u32 {
    let Some(cluster) = cluster.first() else {
        return 1;
    };
    let digest = Sha256::digest(cluster.trunc().to_string().as_bytes());
    let octets = digest.iter().take(3);
    octets
        .fold(0, |number, octet| number << 8 | u32::from(*octet))
        .max(1)
}

/// What the device is to be.
pub(crate) struct Tunnel<'a> {
    pub(crate) name: &'a str,
    pub(crate) number: u32,
    pub(crate) begin: Begin,
    pub(crate) mtu: u32,
    /// This node's addresses among its pods: what this host itself sends through the tunnel comes from there.
    pub(crate) gateways: &'a [IpAddr],
}

impl Tunnel<'_> {
    /// Makes the device what it is to be, whether or not it is there, and returns its index. One that is right is left as it is, with what
    /// goes through it.
    pub(crate) fn ensure(&self, netlink: &mut Netlink) -> io::Result<u32> {
        if let Some(link) = find(netlink, self.name)?
            && !self.is_right(&link)
        {
            remove(netlink, self.name)?;
        }
        let new = RouteNetlinkMessage::NewLink(self.link());
        match netlink.one(new, NLM_F_CREATE | NLM_F_EXCL) {
            Err(error) if !is_present(&error) => return Err(error),
            _ => {}
        }
        let link = find(netlink, self.name)?.ok_or(io::ErrorKind::NotFound)?;
        let index = link.header.index;
        // Before it is up: whoever is at the other end is no router (CVE-2020-10749).
        if let Err(degradation) = crate::forwarding::ignore_routers(self.name) {
            tracing::warn!(%degradation, "the tunnel between nodes");
        }
        if self.gateways.iter().any(IpAddr::is_ipv6) {
            crate::forwarding::let_ipv6(self.name);
        }
        let settings = self.missing(netlink, &link)?;
        let answers = netlink.batch(settings)?;
        answers
            .into_iter()
            .try_for_each(|answer| answer.map(drop))?;
        Ok(index)
    }

    /// What is to be set of the device: nothing that is so already, for the kernel tells of what is set anew as of a change, and whoever hears
    /// of a change looks again.
    fn missing(&self, netlink: &mut Netlink, link: &LinkMessage) -> io::Result<Vec<Request>> {
        let index = link.header.index;
        let mut missing = Vec::new();
        let is_up = link.header.flags.contains(LinkFlags::Up);
        if !is_up || !link.attributes.contains(&LinkAttribute::Mtu(self.mtu)) {
            let up = LinkUnspec::new_with_index(index).mtu(self.mtu).up().build();
            missing.push((RouteNetlinkMessage::SetLink(up), 0));
        }
        let all = netlink.addresses()?;
        for gateway in self.gateways {
            let own = IpNet::from(*gateway);
            let has = |it: &AddressMessage| it.header.index == index && network_of(it) == Some(own);
            if !all.iter().any(has) {
                // The bridge has it as well.
                let new = address(index, *gateway, own.max_prefix_len());
                let new = RouteNetlinkMessage::NewAddress(new);
                missing.push((new, NLM_F_CREATE | NLM_F_REPLACE));
            }
        }
        Ok(missing)
    }

    fn link(&self) -> LinkMessage {
        let mut link = LinkVxlan::new(self.name, self.number)
            .port(PORT)
            .learning(false);
        if self.begin.is_own {
            link = match self.begin.address {
                IpAddr::V4(ip) => link.local(ip),
                IpAddr::V6(ip) => link.local6(ip),
            };
        }
        link.mtu(self.mtu).address(self.begin.mac.to_vec()).build()
    }

    fn is_right(&self, link: &LinkMessage) -> bool {
        let (mut local, mut number, mut port, mut learning) = (None, None, None, None);
        for info in infos(link) {
            match info {
                InfoVxlan::Local(ip) => local = Some(IpAddr::V4(*ip)),
                InfoVxlan::Local6(ip) => local = Some(IpAddr::V6(*ip)),
                InfoVxlan::Id(id) => number = Some(*id),
                InfoVxlan::Port(at) => port = Some(*at),
                InfoVxlan::Learning(is) => learning = Some(*is),
                _ => {}
            }
        }
        let mac = LinkAttribute::Address(self.begin.mac.to_vec());
        local == self.begin.is_own.then_some(self.begin.address)
            && number == Some(self.number)
            && port == Some(PORT)
            && learning == Some(false)
            && link.attributes.contains(&mac)
    }
}

fn infos(link: &LinkMessage) -> &[InfoVxlan] {
    let infos = link.attributes.iter().find_map(|it| match it {
        LinkAttribute::LinkInfo(infos) => infos.iter().find_map(|info| match info {
            LinkInfo::Data(InfoData::Vxlan(all)) => Some(all.as_slice()),
            _ => None,
        }),
        _ => None,
    });
    infos.unwrap_or_default()
}

/// The device, if it is there; an error if something else has its name.
pub(crate) fn find(netlink: &mut Netlink, name: &str) -> io::Result<Option<LinkMessage>> {
    let found = netlink.link(LinkUnspec::new_with_name(name).build())?;
    let is_tunnel = |link: &LinkMessage| {
        link.attributes.iter().any(|it| match it {
            LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Vxlan)),
            _ => false,
        })
    };
    match found {
        Some(link) if !is_tunnel(&link) => Err(io::Error::other(format!(
            "interface {name} exists and is not a VXLAN device"
        ))),
        found => Ok(found),
    }
}

/// Removes the device, with what was said of it. Done already is done.
pub(crate) fn remove(netlink: &mut Netlink, name: &str) -> io::Result<()> {
    if find(netlink, name)?.is_none() {
        return Ok(());
    }
    let link = LinkUnspec::new_with_name(name).build();
    match netlink.one(RouteNetlinkMessage::DelLink(link), 0) {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}
