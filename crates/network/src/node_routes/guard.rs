//! Who may send to pods of this node from others, as text for `nft -f`. Pure.
//!
//! Through the tunnel: VXLAN itself asks nobody: whoever reaches its port would be among the pods,
//! under any address. A host is known by its address, which its pods have as well where they send to other hosts: what they must not send
//! through the tunnel, each host drops of its own (see [`crate::masquerade`]).
//!
//! Where packets between hosts are encrypted, nobody may, but by the device that does it: what comes in another way from an address of a pod is
//! somebody else's, and what would go out another way to one would go in clear.

use std::net::IpAddr;

use ipnet::IpNet;

use super::tunnel::PORT;
use crate::netfilter::entry::{Entry, Field};
use crate::nft::removal;

/// Who may send: of IPv4 and of IPv6.
pub(super) const SETS: [&str; 2] = ["hosts", "hosts-v6"];

/// The transaction that lets the hosts of its sets send through the tunnel of this number, and nobody else, in place of what was there.
/// Another's tunnel at the same port is none of ours: its packets have another number, at the eighth octet behind the ports and lengths of
/// UDP.
pub(super) fn ruleset(table: &str, number: u32) -> String {
    let ours = format!("udp dport {PORT} @th,96,24 {number}");
    format!(
        "{}table inet {table} {{
  set hosts {{ type ipv4_addr; }}
  set hosts-v6 {{ type ipv6_addr; }}
  chain input {{
    type filter hook input priority -10; policy accept;
    meta nfproto ipv4 {ours} ip saddr != @hosts drop
    meta nfproto ipv6 {ours} ip6 saddr != @hosts-v6 drop
  }}
}}
",
        removal(&format!("inet {table}"))
    )
}

/// The transaction that keeps packets of pods to these interfaces, the bridge and the device that encrypts, in place of what was there. What
/// comes by the device goes to pods and to this host, and answers to whom this host leads there: another node has none of its own packets passed
/// on into what else this one is connected to.
pub(super) fn sealed(table: &str, inside: [&str; 2], cluster: &[IpNet]) -> String {
    let [bridge, device] = inside;
    let elsewhere = format!("!= {{ \"lo\", \"{bridge}\", \"{device}\" }}");
    let rules = |interface: &str, address: &str| -> String {
        let rule = |range: &IpNet| {
            let family = match range {
                IpNet::V4(_) => "ip",
                IpNet::V6(_) => "ip6",
            };
            format!("    {interface} {elsewhere} {family} {address} {range} drop\n")
        };
        cluster.iter().map(rule).collect()
    };
    format!(
        "{}table inet {table} {{
  chain from-elsewhere {{
    type filter hook prerouting priority -310; policy accept;
{}  }}
  chain to-elsewhere {{
    type filter hook postrouting priority 310; policy accept;
{}  }}
  chain to-others {{
    type filter hook forward priority -10; policy accept;
    iifname \"{device}\" oifname != {{ \"{bridge}\", \"{device}\" }} ct state != {{ established, related }} drop
  }}
}}
",
        removal(&format!("inet {table}")),
        rules("iifname", "saddr"),
        rules("oifname", "daddr"),
    )
}

/// The elements by which hosts are let in.
pub(super) fn entries(hosts: impl Iterator<Item = IpAddr>) -> Vec<Entry> {
    let entry = |host: IpAddr| Entry {
        set: match host {
            IpAddr::V4(_) => "hosts",
            IpAddr::V6(_) => "hosts-v6",
        },
        key: vec![Field::Address(host)],
        value: Vec::new(),
    };
    hosts.map(entry).collect()
}
