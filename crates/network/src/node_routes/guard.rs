//! Who may send through the tunnel, as text for `nft -f`. Pure. VXLAN itself asks nobody: whoever reaches its port would be among the pods,
//! under any address. A host is known by its address, which its pods have as well where they send to other hosts: what they must not send
//! through the tunnel, each host drops of its own (see [`crate::masquerade`]).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::tunnel::PORT;

/// The transaction that lets these hosts send through the tunnel of this number, and nobody else. Another's tunnel at the same port is none
/// of ours: its packets have another number, at the eighth octet behind the ports and lengths of UDP.
pub(crate) fn ruleset(table: &str, number: u32, hosts: &BTreeSet<IpAddr>) -> String {
    let mut text = removal(table);
    let _ = writeln!(text, "table inet {table} {{");
    for (set, kind, is_v4) in [
        ("hosts", "ipv4_addr", true),
        ("hosts-v6", "ipv6_addr", false),
    ] {
        let of_family = hosts.iter().filter(|ip| ip.is_ipv4() == is_v4);
        let list: Vec<String> = of_family.map(ToString::to_string).collect();
        let elements = match list.is_empty() {
            true => String::new(),
            false => format!(" elements = {{ {} }};", list.join(", ")),
        };
        let _ = writeln!(text, "  set {set} {{ type {kind};{elements} }}");
    }
    let ours = format!("udp dport {PORT} @th,96,24 {number}");
    let _ = write!(
        text,
        "  chain input {{
    type filter hook input priority -10; policy accept;
    meta nfproto ipv4 {ours} ip saddr != @hosts drop
    meta nfproto ipv6 {ours} ip6 saddr != @hosts-v6 drop
  }}
}}
"
    );
    text
}

/// The transaction that removes the table, whether or not it is there.
pub(crate) fn removal(table: &str) -> String {
    format!("add table inet {table}\ndelete table inet {table}\n")
}
