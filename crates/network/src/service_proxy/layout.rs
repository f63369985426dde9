//! The tables of the service proxy, as text for `nft -f`: maps, and rules that look into them. Pure.
//!
//! A new connection costs a look-up by its destination, and one by the number that was drawn, whatever there are of services; a packet of
//! one that is established costs nothing here. Services come, change and go as elements (see [`super::element`]).
//!
//! What is the same for many services is a chain: to choose among so many endpoints, to remember for so many seconds. Those are made
//! when they are first needed, of a rule or two each ([`super::chains`]).

use std::fmt::Write as _;
use std::num::NonZeroU16;

use ipnet::IpNet;

use super::element::{Family, Key, Value};
use super::{chains, encode};
use crate::netfilter::chains::Rule;
use crate::netfilter::elements::Element;
use crate::netfilter::tables::{self, Record};

/// The most clients that are remembered at a time, for each of the maps: beyond those, affinity is forgotten and nothing else.
const MAX_REMEMBERED: u32 = 1 << 18;

/// The maps and sets that hold what services are.
const SETS: [&str; 20] = [
    "cluster-ips",
    "external-ips",
    "announced",
    "hairpin",
    "firewalled",
    "allowed-sources",
    "services",
    "node-ports",
    "inside-services",
    "inside-node-ports",
    "endpoints",
    "node-port-endpoints",
    "inside-endpoints",
    "inside-node-port-endpoints",
    "sources",
    "node-port-sources",
    "remember-services",
    "remember-node-ports",
    "unserved",
    "unserved-node-ports",
];

/// What the tables of a node are made by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// What the names of both tables begin with.
    pub(crate) table: String,
    /// Where the cluster's pods are: they are inside, and keep their addresses.
    pub(crate) pods: Vec<IpNet>,
    /// Where the addresses of services are.
    pub(crate) services: Vec<IpNet>,
    /// The UDP port of this host that no service has at its addresses.
    pub(crate) spared: Option<NonZeroU16>,
}

impl tables::Layout for Layout {
    type Record = (Key, Value);
    const SETS: &'static [&'static str] = &SETS;
    const FIXED: &'static [&'static str] = &["pods", "service-ranges"];

    fn name(&self) -> &str {
        &self.table
    }

    fn declaration(&self, table: &str, family: Family) -> String {
        declaration(self, table, family)
    }

    fn form(family: Family) -> String {
        let nothing = Self {
            table: String::new(),
            pods: Vec::new(),
            services: Vec::new(),
            spared: None,
        };
        declaration(&nothing, "", family)
    }

    /// Services need few chains: they stay.
    fn is_of_verdict(_name: &str) -> bool {
        false
    }
}

impl Record for (Key, Value) {
    fn family(&self) -> Family {
        self.0.family()
    }

    fn element(&self) -> Element {
        encode::element(&self.0, &self.1)
    }

    fn chain(&self) -> Option<(String, Vec<Rule>)> {
        let (key, value) = self;
        Some((chains::chain(key, value)?, chains::rules(key, value)?))
    }
}

/// How each family writes what both have.
struct Words {
    ip: &'static str,
    address: &'static str,
    loopback: &'static str,
}

fn words(family: Family) -> Words {
    match family {
        Family::V4 => Words {
            ip: "ip",
            address: "ipv4_addr",
            loopback: "127.0.0.0/8",
        },
        Family::V6 => Words {
            ip: "ip6",
            address: "ipv6_addr",
            loopback: "::1",
        },
    }
}

/// Chains that packets come to by themselves: name, type, hook and priority. What is said of a frontend is said before host ports and
/// other programs' rules of the same priority have a chance to send the packet elsewhere.
const HOOKS: [(&str, &str); 9] = [
    (
        "firewall-prerouting",
        "filter hook prerouting priority -110",
    ),
    ("firewall-output", "filter hook output priority -110"),
    ("prerouting", "nat hook prerouting priority -101"),
    ("output", "nat hook output priority -101"),
    ("input", "nat hook input priority 99"),
    ("postrouting", "nat hook postrouting priority 99"),
    ("filter-input", "filter hook input priority 0"),
    ("filter-forward", "filter hook forward priority 0"),
    ("filter-output", "filter hook output priority 0"),
];

/// Chains that are jumped to.
const CHAINS: [&str; 11] = [
    "firewall",
    "dispatch",
    "inside",
    "remember",
    "sources",
    "source-pods",
    "source-nobody",
    "source-others",
    "unserved-here",
    "unserved-elsewhere",
    "refuse",
];

/// The transaction that makes the table what it is to be, with the elements that are in it left there. It is refused where a table of
/// that name has other maps.
pub(crate) fn declaration(layout: &Layout, table: &str, family: Family) -> String {
    let mut text = format!("table {family} {table} {{\n{}", maps(family));
    for (name, hook) in HOOKS {
        let _ = writeln!(text, "  chain {name} {{ type {hook}; policy accept; }}");
    }
    for name in CHAINS {
        let _ = writeln!(text, "  chain {name} {{ }}");
    }
    text.push_str("}\n");
    let hooks = HOOKS.iter().map(|(name, _)| *name);
    for name in hooks.chain(CHAINS) {
        let _ = writeln!(text, "flush chain {family} {table} {name}");
    }
    for (set, ranges) in [("pods", &layout.pods), ("service-ranges", &layout.services)] {
        let _ = writeln!(text, "flush set {family} {table} {set}");
        let ranges = of_family(ranges, family);
        if !ranges.is_empty() {
            let ranges = ranges.join(", ");
            let _ = writeln!(text, "add element {family} {table} {set} {{ {ranges} }}");
        }
    }
    let _ = writeln!(
        text,
        "table {family} {table} {{\n{}}}",
        rules(family, layout.spared)
    );
    text
}

fn of_family(ranges: &[IpNet], family: Family) -> Vec<String> {
    let ranges: Vec<IpNet> = ranges
        .iter()
        .filter(|range| Family::of(range.addr()) == family)
        .map(IpNet::trunc)
        .collect();
    let ranges = IpNet::aggregate(&ranges);
    ranges.iter().map(ToString::to_string).collect()
}

fn maps(family: Family) -> String {
    let Words { address, .. } = words(family);
    let frontend = format!("{address} . inet_proto . inet_service");
    let node_port = "inet_proto . inet_service";
    let endpoint = format!("{address} . inet_service");
    // Any number of 32 bits, as the kernel draws one.
    let numbered = "mark";
    let dynamic = format!("flags dynamic,timeout; size {MAX_REMEMBERED};");
    format!(
        "  set pods {{ type {address}; flags interval; }}
  set service-ranges {{ type {address}; flags interval; }}
  set cluster-ips {{ type {address}; }}
  set external-ips {{ type {address}; }}
  set announced {{ type {address}; }}
  set hairpin {{ type {address} . {address}; }}
  set firewalled {{ type {frontend}; }}
  set allowed-sources {{ type {frontend} . {address}; flags interval; }}
  map services {{ type {frontend} : verdict; }}
  map node-ports {{ type {node_port} : verdict; }}
  map inside-services {{ type {frontend} : verdict; }}
  map inside-node-ports {{ type {node_port} : verdict; }}
  map endpoints {{ type {numbered} . {frontend} : {endpoint}; }}
  map node-port-endpoints {{ type {numbered} . {node_port} : {endpoint}; }}
  map inside-endpoints {{ type {numbered} . {frontend} : {endpoint}; }}
  map inside-node-port-endpoints {{ type {numbered} . {node_port} : {endpoint}; }}
  map sources {{ type {frontend} : verdict; }}
  map node-port-sources {{ type {node_port} : verdict; }}
  map remember-services {{ type {frontend} : verdict; }}
  map remember-node-ports {{ type {node_port} : verdict; }}
  map affinity {{ type {address} . {frontend} : {endpoint}; {dynamic} }}
  map node-port-affinity {{ type {address} . {node_port} : {endpoint}; {dynamic} }}
  map unserved {{ type {frontend} : verdict; }}
  map unserved-node-ports {{ type {node_port} : verdict; }}
"
    )
}

fn rules(family: Family, spared: Option<NonZeroU16>) -> String {
    let spared = spared.map_or(String::new(), |port| {
        format!("    udp dport {port} fib daddr type local return\n")
    });
    let Words { ip, loopback, .. } = words(family);
    let frontend = format!("{ip} daddr . meta l4proto . th dport");
    let node_port = "meta l4proto . th dport";
    // What the client sent the packet to, once it has been sent on. The port needs its protocol named, so these are three each.
    let original = |map: &str| {
        per_protocol(&format!(
            "ct original {ip} daddr . meta l4proto . ct original proto-dst vmap @{map}"
        ))
    };
    let original_node_port =
        |map: &str| per_protocol(&format!("meta l4proto . ct original proto-dst vmap @{map}"));
    // Of what is announced TCP is reset: after the redirect that the kernel sends where a packet would leave as it has come it keeps back
    // what else there is to tell the sender.
    let (remember, remember_node_port) = (
        original("remember-services"),
        original_node_port("remember-node-ports"),
    );
    let (sources, node_port_sources) =
        (original("sources"), original_node_port("node-port-sources"));
    format!(
        "  chain firewall-prerouting {{ ct state new jump firewall; }}
  chain firewall-output {{ ct state new jump firewall; }}
  chain firewall {{
{spared}    {frontend} @firewalled {frontend} . {ip} saddr != @allowed-sources drop
  }}
  chain prerouting {{ jump dispatch; }}
  chain output {{ jump dispatch; }}
  chain dispatch {{
{spared}    {ip} saddr @pods jump inside
    fib saddr type local jump inside
    {frontend} vmap @services
    fib daddr type local {ip} daddr != {loopback} {node_port} vmap @node-ports
  }}
  chain inside {{
    {frontend} vmap @inside-services
    fib daddr type local {ip} daddr != {loopback} {node_port} vmap @inside-node-ports
  }}
  chain input {{ ct status dnat jump remember; }}
  chain postrouting {{
    ct status dnat jump remember
    ct status dnat jump sources
  }}
  chain remember {{
{remember}    ct original {ip} daddr @cluster-ips return
    ct original {ip} daddr @external-ips return
{remember_node_port}  }}
  chain sources {{
    {ip} saddr . {ip} daddr @hairpin masquerade fully-random
{sources}    ct original {ip} daddr @cluster-ips return
    ct original {ip} daddr @external-ips return
{node_port_sources}  }}
  chain source-pods {{ {ip} saddr != @pods masquerade fully-random; }}
  chain source-nobody {{ masquerade fully-random; }}
  chain source-others {{ fib saddr type local masquerade fully-random; }}
  chain filter-input {{ ct state new jump unserved-here; }}
  chain filter-forward {{ ct state new jump unserved-elsewhere; }}
  chain filter-output {{ ct state new jump unserved-elsewhere; }}
  chain unserved-here {{
{spared}    {frontend} vmap @unserved
    {ip} daddr != {loopback} {node_port} vmap @unserved-node-ports
  }}
  chain unserved-elsewhere {{
    {frontend} vmap @unserved
    {ip} daddr @cluster-ips reject
    {ip} daddr @announced meta l4proto tcp reject with tcp reset
    {ip} daddr @announced reject
    {ip} daddr @service-ranges drop
  }}
  chain refuse {{ reject; }}
"
    )
}

fn per_protocol(rule: &str) -> String {
    ["tcp", "udp", "sctp"]
        .map(|protocol| format!("    meta l4proto {protocol} {rule}\n"))
        .concat()
}
