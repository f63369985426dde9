//! The packet rules of a node's pods, as text for `nft -f`: traffic that leaves the cluster takes the node's address, and host
//! ports lead to pods. Pure; [`crate::nft`] applies what is written here.
//!
//! There is no rule to accept forwarded traffic: in nftables an accept ends only its own chain, so it would change nothing, and
//! another table that drops still drops.
//!
//! The node's address among its pods is for these and for the host: others reach nothing there, but answer what the host has sent from it
//! through the tunnel to other nodes.
//!
//! Pods reach each other through the node, which would tell them of a shorter way along the bridge: there is none for them, and so those
//! redirects are dropped.
//!
//! Pods send nothing through the tunnel between nodes themselves: another node takes what comes from this one's address for this node's, and
//! would hand on whatever a pod has put into such a packet, under any address. It is looked at when it is known where the packet goes to in the
//! end, for services lead to nodes as well, and on every node, with a tunnel or without.
//!
//! Host ports are two look-ups however many there are: by address, protocol and port, then by protocol and port. Adding one adds
//! an element, and rewrites nothing.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    config::Config,
    host_port::HostPort,
    netfilter::entry::{Entry, Field},
    node_routes::{TUNNEL_PORT, tunnel_number},
};

#[cfg(test)]
mod tests;

/// A pod's address and the host's ports that lead to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exposed<'a> {
    pub(crate) address: IpAddr,
    pub(crate) ports: &'a [HostPort],
}

/// The sets and maps whose elements come and go.
pub(crate) const SETS: [&str; 3] = ["hairpin", "host_ports", "host_address_ports"];

/// The whole table but for what pods expose, in one transaction that replaces what was in it.
pub(crate) fn ruleset(config: &Config) -> String {
    let table = &config.table;
    let pods = config.pod_cidr.trunc();
    let (family, address, redirect) = match pods {
        IpNet::V4(_) => ("ip", "ipv4_addr", "icmp type redirect"),
        IpNet::V6(_) => ("ip6", "ipv6_addr", "icmpv6 type nd-redirect"),
    };
    let bridge = &config.bridge;
    let direct = unmasqueraded(config)
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    // What comes to a host port by the loopback address goes out to the bridge with that address, unless it gets another. Only the
    // host itself may use that address: the switch that lets it out (`forwarding::let_loopback_out`) would let pods in as well, and
    // where others have set it for all interfaces, whoever is on the host's segment (CVE-2020-8558).
    let (loopback, guard) = match pods {
        IpNet::V4(_) => (
            format!(
                "\n    ct status dnat ip saddr 127.0.0.0/8 ip daddr {pods} masquerade fully-random"
            ),
            "
  chain loopback {
    type filter hook prerouting priority -300; policy accept;
    iifname != \"lo\" ip saddr 127.0.0.0/8 drop
    iifname != \"lo\" ip daddr 127.0.0.0/8 drop
  }",
        ),
        IpNet::V6(_) => (String::new(), ""),
    };
    let number = tunnel_number(&config.cluster_cidrs);
    format!(
        "add table inet {table}
delete table inet {table}
table inet {table} {{
  set hairpin {{ type {address} . {address}; }}
  map host_ports {{ type inet_proto . inet_service : {address} . inet_service; }}
  map host_address_ports {{ type {address} . inet_proto . inet_service : {address} . inet_service; }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    {family} saddr {pods} {family} daddr != {{ {direct} }} masquerade fully-random
    ct status dnat {family} saddr . {family} daddr @hairpin masquerade fully-random{loopback}
  }}{guard}
  chain gateway {{
    type filter hook input priority 0; policy accept;
    {family} daddr {pods} iifname != {{ \"{bridge}\", \"lo\" }} ct state != {{ established, related }} drop
  }}
  chain tunnel {{
    iifname \"{bridge}\" udp dport {TUNNEL_PORT} @th,96,24 {number} drop
  }}
  chain tunnel-to-others {{
    type filter hook forward priority -300; policy accept;
    jump tunnel
  }}
  chain tunnel-to-here {{
    type filter hook input priority -300; policy accept;
    jump tunnel
  }}
  chain redirects {{
    type filter hook output priority 0; policy accept;
    oifname \"{bridge}\" {redirect} drop
  }}
  chain host-ports {{
    dnat {family} to {family} daddr . meta l4proto . th dport map @host_address_ports
    dnat {family} to meta l4proto . th dport map @host_ports
  }}
  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump host-ports
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    fib daddr type local jump host-ports
  }}
}}
"
    )
}

/// The elements by which a pod's host ports lead to it.
pub(crate) fn entries(pod: Exposed<'_>) -> Vec<Entry> {
    let address = || Field::Address(pod.address);
    // What a pod sends to itself through the node must come back that way, which its own address would not lead to.
    let hairpin = (!pod.ports.is_empty()).then(|| Entry {
        set: "hairpin",
        key: vec![address(), address()],
        value: Vec::new(),
    });
    let of_port = |port: &HostPort| {
        let (set, host) = match port.address() {
            // Of the other family: no packet to that address can lead to this pod.
            Some(ip) if ip.is_ipv4() != pod.address.is_ipv4() => return None,
            Some(ip) => ("host_address_ports", Some(Field::Address(ip))),
            None => ("host_ports", None),
        };
        let asked = [Field::Protocol(port.protocol), Field::Port(port.host_port)];
        Some(Entry {
            set,
            key: host.into_iter().chain(asked).collect(),
            value: vec![address(), Field::Port(port.container_port)],
        })
    };
    let of_ports = pod.ports.iter().filter_map(of_port);
    hairpin.into_iter().chain(of_ports).collect()
}

/// The transaction that removes the table, whether or not it is there.
pub(crate) fn removal(config: &Config) -> String {
    let table = &config.table;
    format!("add table inet {table}\ndelete table inet {table}\n")
}

/// Where pods are seen under their own address: the cluster's pods, and groups, which no answer comes back from. Of one family,
/// in the fewest ranges, for ranges that overlap are refused.
fn unmasqueraded(config: &Config) -> Vec<IpNet> {
    let multicast = match config.pod_cidr {
        IpNet::V4(_) => IpNet::new_assert([224, 0, 0, 0].into(), 4),
        IpNet::V6(_) => IpNet::new_assert([0xff00, 0, 0, 0, 0, 0, 0, 0].into(), 8),
    };
    let same_family = |cidr: &IpNet| cidr.addr().is_ipv4() == config.pod_cidr.addr().is_ipv4();
    let mut ranges: Vec<IpNet> = config
        .cluster_cidrs
        .iter()
        .copied()
        .filter(same_family)
        .map(|c| c.trunc())
        .collect();
    ranges.extend([config.pod_cidr.trunc(), multicast]);
    IpNet::aggregate(&ranges)
}
