//! What pods send goes to their node, and not along the bridge to a neighbour: there no rule would hold. A pod that may write frames itself
//! (`NET_RAW`, which containers have as a rule) could address one past its route. As text for `nft -f`; pure.
//!
//! This is said where frames come in, before anything can change where they go: a host that has its bridges filter
//! (`bridge-nf-call-iptables`) sends on to a neighbour along the bridge what a service leads there.

use std::net::IpAddr;

use crate::config::{Config, mac_address};

/// The whole table, in one transaction that replaces what was in it. What is no IP packet to the node goes nowhere, but for the questions by
/// which its hardware address is found.
pub(crate) fn ruleset(config: &Config, gateway: IpAddr) -> String {
    let (table, bridge) = (&config.table, &config.bridge);
    let node = mac_address(gateway)
        .map(|octet| format!("{octet:02x}"))
        .join(":");
    format!(
        "{}table bridge {table} {{
  chain neighbours {{
    type filter hook prerouting priority -300; policy accept;
    meta ibrname \"{bridge}\" jump from-pods
  }}
  chain from-pods {{
    ether daddr {node} accept
    meta protocol arp accept
    icmpv6 type {{ nd-neighbor-solicit, nd-router-solicit }} accept
    drop
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
