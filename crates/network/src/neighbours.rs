//! What pods may send to the bridge that they are on, as text for `nft -f`; pure. A pod that may write frames itself (`NET_RAW`, which
//! containers have as a rule) could write any.
//!
//! It sends from its own addresses alone: by those it is known to network policies and to whom it talks to. The bridge would learn another's
//! hardware address of it, and the node another's address, by ARP and its likes in IPv6.
//!
//! What it sends goes to its node, and not along the bridge to a neighbour: there no rule would hold.
//!
//! Both are said where frames come in, before anything can change where they go: a host that has its bridges filter
//! (`bridge-nf-call-iptables`) sends on to a neighbour along the bridge what a service leads there.
//!
//! Some frames do not come to where this is said: those to the addresses that the neighbouring bridge alone is to hear (`01-80-c2-00-00-02` to
//! `-0f`), which the kernel has the port itself receive. So the bridge learns nothing of those ([`crate::bridge`]), and the port hears nothing
//! ([`crate::interface`], [`crate::masquerade`]).

use std::net::IpAddr;

use crate::config::{Config, mac_address};
use crate::nft;

/// The whole table but for its elements ([`crate::sources`]), in one transaction that replaces what was in it. Interfaces that are in none of
/// its sets are none of this node's pods: another node that shares its host has a table of its own.
///
/// What almost all frames are is one look-up: a packet from a pod's own addresses to its node. All else is looked at more closely.
///
/// What a pod sends goes to the hardware address of its node, as a packet of IPv4 or IPv6, but for that by which a neighbour's hardware address is
/// found. That goes to all, of whom the node alone hears it. With a tag of a VLAN it sends nothing: some would be looked at as if it were not there,
/// and some not at all. From and to addresses of the link it sends nothing else: no network policy knows it by them, and what leaves the bridge
/// by which it came is passed on whatever it comes from.
pub(crate) fn ruleset(config: &Config, gateway: IpAddr) -> String {
    let table = &config.table;
    let node = mac_address(gateway).map(|octet| format!("{octet:02x}"));
    let node = node.join(":");
    let target = "@th,64,128";
    format!(
        "{}table bridge {table} {{
  set interfaces {{ type ifname; }}
  set hardware {{ type ifname . ether_addr; }}
  set addresses {{ type ifname . ipv4_addr; }}
  set addresses-v6 {{ type ifname . ipv6_addr; }}
  set senders {{ type ifname . ether_addr . ipv4_addr; }}
  set senders-v6 {{ type ifname . ether_addr . ipv6_addr; }}
  set targets {{ typeof iifname . {target}; }}
  chain asked {{
    arp saddr ip != 0.0.0.0 iifname . arp saddr ip != @addresses drop
    iifname . arp saddr ether != @hardware drop
    accept
  }}
  chain of-v6 {{
    ip6 saddr != {{ ::, fe80::/10 }} iifname . ip6 saddr != @addresses-v6 drop
    icmpv6 type nd-neighbor-advert @th,64,10 != 0x3fa iifname . {target} != @targets drop
    icmpv6 type {{ nd-neighbor-solicit, nd-router-solicit }} accept
    icmpv6 type nd-neighbor-advert return
    ip6 saddr {{ ::, fe80::/10 }} drop
    ip6 daddr fe80::/10 drop
  }}
  chain neighbours {{
    type filter hook prerouting priority -300; policy accept;
    ether type ip ether daddr {node} iifname . ether saddr . ip saddr @senders accept
    ether type ip6 ether daddr {node} ip6 daddr != fe80::/10 meta l4proto != icmpv6 iifname . ether saddr . ip6 saddr @senders-v6 accept
    iifname != @interfaces accept
    ether type {{ 8021q, 8021ad }} drop
    iifname . ether saddr != @hardware drop
    iifname . ip saddr != @addresses drop
    meta protocol vmap {{ arp : goto asked, ip6 : jump of-v6 }}
    meta protocol {{ ip, ip6 }} ether daddr {node} accept
    drop
  }}
  chain between {{
    type filter hook forward priority -300; policy accept;
    iifname != @interfaces accept
    meta protocol arp drop
    icmpv6 type {{ nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert }} drop
  }}
}}
",
        removal(config)
    )
}

/// The transaction that removes the table, whether or not it is there.
pub(crate) fn removal(config: &Config) -> String {
    nft::removal(&format!("bridge {}", config.table))
}
