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

use std::{fmt::Write as _, net::IpAddr};

use ipnet::IpNet;

use crate::{
    config::Config,
    host_port::HostPort,
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

/// The whole table, in one transaction that replaces what was in it.
pub(crate) fn ruleset<'a>(
    config: &Config,
    exposed: impl IntoIterator<Item = Exposed<'a>>,
) -> String {
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
    let mut text = format!(
        "add table inet {table}
delete table inet {table}
table inet {table} {{
  set hairpin {{ type {address} . {address}; }}
  set unmasqueraded {{ type {address}; flags interval; elements = {{ {direct} }}; }}
  map host_ports {{ type inet_proto . inet_service : {address} . inet_service; }}
  map host_address_ports {{ type {address} . inet_proto . inet_service : {address} . inet_service; }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    {family} saddr {pods} {family} daddr != @unmasqueraded masquerade fully-random
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
    );
    for pod in exposed {
        elements(&mut text, "add", config, pod);
    }
    text
}

/// The transaction that makes one pod's host ports lead to it.
pub(crate) fn expose(config: &Config, pod: Exposed<'_>) -> String {
    let mut text = String::new();
    elements(&mut text, "add", config, pod);
    text
}

/// The transaction that ends it. What is taken away is added first: a removal that finds nothing would fail the transaction.
pub(crate) fn conceal(config: &Config, pod: Exposed<'_>) -> String {
    let mut text = String::new();
    elements(&mut text, "add", config, pod);
    elements(&mut text, "delete", config, pod);
    text
}

/// The transaction that removes the table, whether or not it is there.
pub(crate) fn removal(config: &Config) -> String {
    let table = &config.table;
    format!("add table inet {table}\ndelete table inet {table}\n")
}

fn elements(text: &mut String, verb: &str, config: &Config, pod: Exposed<'_>) {
    if !pod.ports.is_empty() {
        // What a pod sends to itself through the node must come back that way, which its own address would not lead to.
        let _ = writeln!(
            text,
            "{verb} element inet {} hairpin {{ {1} . {1} }}",
            config.table, pod.address
        );
    }
    for port in pod.ports {
        let protocol = port.protocol.rule_name();
        let (map, key) = match port.address() {
            // Of the other family: no packet to that address can lead to this pod.
            Some(ip) if ip.is_ipv4() != pod.address.is_ipv4() => continue,
            Some(ip) => (
                "host_address_ports",
                format!("{ip} . {protocol} . {}", port.host_port),
            ),
            None => ("host_ports", format!("{protocol} . {}", port.host_port)),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{verb} element inet {} {map} {{ {key} : {} . {} }}",
            config.table, pod.address, port.container_port
        );
    }
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
