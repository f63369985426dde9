//! What pods send goes to their node, and not along the bridge to a neighbour: there no rule would hold. A pod that may write frames itself
//! (`NET_RAW`, which containers have as a rule) could address one past its route. As text for `nft -f`; pure.
//!
//! This is said where frames come in, before anything can change where they go: a host that has its bridges filter
//! (`bridge-nf-call-iptables`) sends on to a neighbour along the bridge what a service leads there.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::{Config, mac_address};
use crate::interface::HOST_PREFIX;

/// The whole table, in one transaction that replaces what was in it. Nothing that a pod sends goes to the hardware address of another, and no
/// packet to all, but for the questions by which a neighbour's hardware address is found.
///
/// Nodes that share a host have the same rules for the interfaces of each other's pods, and drop nothing there but what those drop too.
pub(crate) fn ruleset(config: &Config, gateway: IpAddr) -> String {
    let table = &config.table;
    let (first, last) = match config.pod_cidr {
        IpNet::V4(range) => (range.network().into(), range.broadcast().into()),
        // A hardware address has the last four octets, which say nothing of the range.
        IpNet::V6(_) => (IpAddr::from([0u16; 8]), IpAddr::from([u16::MAX; 8])),
    };
    let [node, first, last] = [gateway, first, last].map(|ip| {
        mac_address(ip)
            .map(|octet| format!("{octet:02x}"))
            .join(":")
    });
    format!(
        "{}table bridge {table} {{
  chain neighbours {{
    type filter hook prerouting priority -300; policy accept;
    iifname != \"{HOST_PREFIX}*\" accept
    meta protocol arp accept
    icmpv6 type {{ nd-neighbor-solicit, nd-router-solicit }} accept
    ether daddr {node} accept
    ether daddr {first}-{last} drop
    meta protocol {{ ip, ip6 }} ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 drop
  }}
}}
",
        removal(config)
    )
}

/// The transaction that removes the table, whether or not it is there.
pub(crate) fn removal(config: &Config) -> String {
    let table = &config.table;
    format!("add table bridge {table}\ndelete table bridge {table}\n")
}
