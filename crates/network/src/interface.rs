//! A pod's interface: a veth pair with one end on the bridge and the other, `eth0`, in the pod's namespace.

use std::{fs, fs::File, io, net::IpAddr, os::fd::AsRawFd};

use ipnet::IpNet;
use rtnetlink::{
    LinkBridgePort, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE},
    packet_route::{
        RouteNetlinkMessage,
        link::{InfoData, InfoVeth, LinkFlags, LinkMessage},
        route::{RouteMessage, RouteScope},
    },
};
use sha2::{Digest, Sha256};

use crate::{
    bandwidth::Bandwidth,
    bridge::{address, controller},
    config::mac_address,
    forwarding, namespace,
    netlink::{Netlink, Request, is_absent, is_present},
    shaping,
};

/// What the names of the host's ends begin with.
pub(crate) const HOST_PREFIX: &str = "nv";
const POD_INTERFACE: &str = "eth0";
/// The loopback interface is the first of every network namespace.
const LOOPBACK: u32 = 1;

/// One pod's interface.
pub(crate) struct Interface<'a> {
    pub(crate) host_name: &'a str,
    /// Its index and its name.
    pub(crate) bridge: (u32, &'a str),
    pub(crate) bandwidth: Bandwidth,
    pub(crate) mtu: u32,
    /// One of a family; the first makes the hardware address.
    pub(crate) addresses: &'a [IpAddr],
    /// The node's own, of which those of the same families are the pod's ways out.
    pub(crate) gateways: &'a [IpNet],
}

/// The host's end is called `nv` and 11 hexadecimal digits of a digest of the sandbox id: the 13 octets that fit, the same after
/// every restart.
pub(crate) fn host_name(sandbox_id: &str) -> String {
    let digest = Sha256::digest(sandbox_id.as_bytes());
    let hex: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{HOST_PREFIX}{}", &hex[..11])
}

/// Whether a name can be one of these: it has nothing in it that could mean something else.
pub(crate) fn is_host_name(name: &str) -> bool {
    name.strip_prefix(HOST_PREFIX)
        .is_some_and(|rest| rest.bytes().all(|octet| octet.is_ascii_alphanumeric()))
}

impl Interface<'_> {
    /// Makes the interface new, and whatever was left of an earlier try goes first. On success the pod can send and receive.
    pub(crate) fn create(&self, host: &mut Netlink, pod: &File) -> io::Result<()> {
        if let Err(error) = self.create_pair(host, pod) {
            if !is_present(&error) || !remove(host, self.host_name)? {
                return Err(error);
            }
            self.create_pair(host, pod)?;
        }
        // Before the pod's end is up. The port itself hears what passes no rule of the bridge: it has no IPv6 to be told of, nor neighbours.
        forwarding::refuse_ipv6(self.host_name);
        let set_up = self.let_hairpin(host).and_then(|()| self.limit(host));
        let set_up = set_up.and_then(|()| self.set_up_pod(pod));
        let set_up = set_up.and_then(|()| host.link(by_name(self.host_name)).map(drop));
        set_up.inspect_err(|_| {
            // The error that matters is the first; what stays is removed by the next try.
            let _ = remove(host, self.host_name);
            let _ = remove(host, &shaping::device_name(self.host_name));
        })
    }

    /// The pair is born with its ends where they belong: moving one later costs a grace period of the kernel's.
    fn create_pair(&self, host: &mut Netlink, pod: &File) -> io::Result<()> {
        let peer = LinkUnspec::new_with_name(POD_INTERFACE)
            .mtu(self.mtu)
            .address(self.mac())
            .setns_by_fd(pod.as_raw_fd())
            .build();
        let pair = LinkVeth::new(self.host_name, POD_INTERFACE)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .mtu(self.mtu)
            .controller(self.bridge.0)
            .arp(false)
            .up()
            .build();
        let new = RouteNetlinkMessage::NewLink(pair);
        host.one(new, NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    fn let_hairpin(&self, host: &mut Netlink) -> io::Result<()> {
        // Hairpin: a pod may reach itself through an address that leads back to it. Where the host has its bridges filter
        // (`bridge-nf-call-iptables`), packets whose destination was changed go along the bridge.
        let mut hairpin = LinkBridgePort::new(0)
            .name(self.host_name)
            .hairpin(true)
            .build();
        hairpin.header.index = 0;
        host.one(RouteNetlinkMessage::NewLink(hairpin), 0).map(drop)
    }

    /// Before the pod's end is up: without that the interface counts as broken, and is made again.
    fn limit(&self, host: &mut Netlink) -> io::Result<()> {
        shaping::limit(
            host,
            (self.host_name, self.mtu),
            self.bandwidth,
            self.bridge.1,
        )
        .map_err(|error| io::Error::other(format!("limit its bandwidth: {error}")))
    }

    fn mac(&self) -> Vec<u8> {
        let first = self.addresses.first();
        first.map_or(Vec::new(), |address| mac_address(*address).to_vec())
    }

    fn set_up_pod(&self, pod: &File) -> io::Result<()> {
        namespace::within(pod, || {
            let mut netlink = Netlink::open()?;
            let eth0 = netlink
                .link(LinkUnspec::new_with_name(POD_INTERFACE).build())?
                .ok_or_else(|| io::Error::other("the pod's interface is gone"))?;
            ignore_neighbours(self.addresses.iter().any(IpAddr::is_ipv6))?;
            let answers = netlink.batch(self.pod_requests(eth0.header.index)?)?;
            answers
                .into_iter()
                .try_for_each(|answer| answer.map(drop))?;
            // The kernel begins to send a moment after an interface is up, and what comes before is lost, for a second as a rule. It
            // makes up for that moment when it is asked about the interface (since 6.8).
            netlink
                .link(LinkUnspec::new_with_index(eth0.header.index).build())
                .map(drop)
        })
    }

    fn pod_requests(&self, eth0: u32) -> io::Result<Vec<Request>> {
        let set = NLM_F_CREATE | NLM_F_REPLACE;
        let up =
            |index| RouteNetlinkMessage::SetLink(LinkUnspec::new_with_index(index).up().build());
        let mut requests = vec![(up(LOOPBACK), 0), (up(eth0), 0)];
        for own in self.addresses {
            let alone = IpNet::from(*own).prefix_len();
            let own_address = address(eth0, *own, alone);
            requests.push((RouteNetlinkMessage::NewAddress(own_address), set));
            let of_family = |gateway: &&IpNet| gateway.addr().is_ipv4() == own.is_ipv4();
            let Some(gateway) = self.gateways.iter().find(of_family) else {
                continue;
            };
            let gateway = gateway.addr();
            for route in [
                route_to_gateway(eth0, gateway)?,
                default_route(eth0, gateway)?,
            ] {
                requests.push((RouteNetlinkMessage::NewRoute(route), set));
            }
        }
        Ok(requests)
    }
}

/// Nothing else is on the pod's link: pods reach each other by way of the node, so that what a service has sent on comes back
/// through it, and rules hold between neighbours too.
fn route_to_gateway(eth0: u32, gateway: IpAddr) -> io::Result<RouteMessage> {
    let route = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(gateway, IpNet::from(gateway).prefix_len())
        .map_err(io::Error::other)?
        .scope(RouteScope::Link);
    Ok(route.output_interface(eth0).build())
}

fn default_route(eth0: u32, gateway: IpAddr) -> io::Result<RouteMessage> {
    let everywhere = match gateway {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    };
    let route = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(everywhere, 0)
        .and_then(|route| route.gateway(gateway))
        .map_err(io::Error::other)?;
    Ok(route.output_interface(eth0).build())
}

/// Has a pod not listen to routers, before its interface is up: its neighbours on the bridge could say that they are one, and be sent what
/// it sends (CVE-2020-10749). A pod's routes are set by the node. Nor does it ask whether somebody else has its address of the link, which
/// would take a second or two. With addresses of IPv6 it has those also on a host that gives new interfaces none. For the network namespace of the
/// calling thread.
fn ignore_neighbours(has_ipv6: bool) -> io::Result<()> {
    let let_ipv6 = has_ipv6.then_some("disable_ipv6");
    ["accept_ra", "accept_dad"]
        .into_iter()
        .chain(let_ipv6)
        .try_for_each(|switch| {
            let switch = format!("/proc/sys/net/ipv6/conf/{POD_INTERFACE}/{switch}");
            match fs::write(switch, "0") {
                // A host without IPv6 has nobody to listen.
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        })
}

/// Whether the pair is there, its host's end is up on this bridge and its pod's end is up too.
pub(crate) fn is_connected(host: &mut Netlink, host_name: &str, bridge: u32) -> io::Result<bool> {
    let link = host.link(LinkUnspec::new_with_name(host_name).build())?;
    let up = LinkFlags::Up | LinkFlags::LowerUp;
    Ok(
        link.is_some_and(|link| {
            controller(&link) == Some(bridge) && link.header.flags.contains(up)
        }),
    )
}

/// Removes the pair, both ends, by the name of the host's. Says whether there was one.
pub(crate) fn remove(host: &mut Netlink, host_name: &str) -> io::Result<bool> {
    match host.one(RouteNetlinkMessage::DelLink(by_name(host_name)), 0) {
        Ok(_) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn by_name(name: &str) -> LinkMessage {
    LinkUnspec::new_with_name(name).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_stable_short_and_tell_sandboxes_apart() {
        assert_eq!(host_name("a"), "nvca978112ca1");
        assert_ne!(host_name("a"), host_name("b"));
        assert_eq!(host_name(&"f".repeat(64)).len(), 13);
    }
}
