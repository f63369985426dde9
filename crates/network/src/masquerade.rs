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
//! What pods send comes in by their bridge. What the kernel has the port itself receive has passed none of the rules of the bridge
//! ([`crate::neighbours`]): it is not heard.
//!
//! Pods send nothing through the tunnel between nodes themselves: another node takes what comes from this one's address for this node's, and
//! would hand on whatever a pod has put into such a packet, under any address. It is looked at when it is known where the packet goes to in the
//! end, for services lead to nodes as well, and on every node, with a tunnel or without.
//!
//! Nor does whoever else is behind this host: what gets the host's address on its way out would be taken for the host's. What the tunnel itself
//! sends comes from it, also where somebody has the host's own packets take another port. And what says to come from a node, and comes in by a
//! bridge that does not lead there, comes from somebody on that bridge.
//!
//! Where packets between nodes are encrypted, those that come to this host for it are no pod's, whatever host ports there are. Other nodes hear
//! this one for the addresses of its pods alone, so what goes there from any other address takes the node's address among them.
//!
//! Every packet of every connection passes the filtering chains: they are few, and what most packets are is asked first and without a look-up.
//!
//! Host ports are two look-ups however many there are: by address, protocol and port, then by protocol and port. Adding one adds
//! an element, and rewrites nothing.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    config::Config,
    host_port::HostPort,
    netfilter::entry::{Entry, Field},
    nft,
    node_routes::{TUNNEL_PORT, tunnel_number},
    wireguard,
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
pub(crate) const SETS: [&str; 7] = [
    "interfaces",
    "hairpin",
    "host_ports",
    "host_address_ports",
    "hairpin-v6",
    "host_ports-v6",
    "host_address_ports-v6",
];

/// The whole table but for what pods expose, in one transaction that replaces what was in it.
pub(crate) fn ruleset(config: &Config) -> String {
    let (table, bridge) = (&config.table, &config.bridge);
    let families = || config.pod_cidrs.iter().map(|pods| Rules::of(config, pods));
    let of_all = |rules: fn(&Rules) -> &String| -> String {
        families().map(|family| rules(&family).clone()).collect()
    };
    let sets: String = ["", "-v6"].into_iter().map(sets).collect();
    let (postrouting, gateway) = (of_all(|it| &it.postrouting), of_all(|it| &it.gateway));
    let (redirects, host_ports) = (of_all(|it| &it.redirects), of_all(|it| &it.host_ports));
    let spared = config.wireguard_port.map_or(String::new(), |port| {
        format!("\n    udp dport {port} return")
    });
    // Only the host itself may use its loopback address: the switch that lets it out (`forwarding::let_loopback_out`) would let pods in as
    // well, and where others have set it for all interfaces, whoever is on the host's segment (CVE-2020-8558).
    let guard = match config.pod_cidrs.of_family(true) {
        Some(_) => "\n    ip saddr 127.0.0.0/8 drop\n    ip daddr 127.0.0.0/8 drop",
        None => "",
    };
    // What is passed on for pods comes from their addresses, and goes to nobody by an address of the link: no network policy knows any by that.
    let senders =
        [("ipv4", "ip", true), ("ipv6", "ip6", false)].map(|(protocol, family, ipv4)| match config
            .pod_cidrs
            .of_family(ipv4)
        {
            Some(pods) if ipv4 => format!("\n    {family} saddr != {pods} drop"),
            Some(pods) => {
                format!("\n    {family} saddr != {pods} drop\n    {family} daddr fe80::/10 drop")
            }
            None => format!("\n    meta nfproto {protocol} drop"),
        });
    let senders = senders.concat();
    let number = tunnel_number(&config.cluster_cidrs);
    let tunnelled = format!("udp dport {TUNNEL_PORT} @th,96,24 {number}");
    format!(
        "add table inet {table}
delete table inet {table}
table inet {table} {{
  set interfaces {{ type ifname; }}{sets}
  chain loopback {{{guard}
  }}
  chain received {{
    type filter hook prerouting priority -450; policy accept;
    iifname \"{bridge}\" goto loopback
    iifname \"lo\" accept
    iifname @interfaces drop
    jump loopback
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;{postrouting}
  }}
  chain gateway {{
    type filter hook input priority 0; policy accept;{gateway}
  }}
  chain passed-on {{
    type filter hook forward priority -300; policy accept;
    iifname != \"{bridge}\" accept{senders}
    {tunnelled} drop
  }}
  chain tunnel-to-here {{
    type filter hook input priority -300; policy accept;
    {tunnelled} iifname \"{bridge}\" drop
    {tunnelled} meta iifkind \"bridge\" fib saddr . iif oif missing fib daddr . iif type != local drop
  }}
  chain tunnel-as-host {{
    type filter hook postrouting priority 110; policy accept;
    {tunnelled} meta iifkind != \"vxlan\" ct status snat drop
  }}
  chain redirects {{
    type filter hook output priority 0; policy accept;{redirects}
  }}
  chain host-ports {{{spared}{host_ports}
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

/// The sets of a family, which are there whether or not there are such pods.
fn sets(suffix: &str) -> String {
    let address = match suffix {
        "" => "ipv4_addr",
        _ => "ipv6_addr",
    };
    format!(
        "
  set hairpin{suffix} {{ type {address} . {address}; }}
  map host_ports{suffix} {{ type inet_proto . inet_service : {address} . inet_service; }}
  map host_address_ports{suffix} {{ type {address} . inet_proto . inet_service : {address} . inet_service; }}"
    )
}

/// The rules of a family, each with the line's end before it, by the chains that they are in.
struct Rules {
    postrouting: String,
    gateway: String,
    redirects: String,
    host_ports: String,
}

impl Rules {
    /// Those of a node's pods of one family.
    fn of(config: &Config, pods: IpNet) -> Self {
        let (family, protocol, suffix, redirect) = match pods {
            IpNet::V4(_) => ("ip", "ipv4", "", "icmp type redirect"),
            IpNet::V6(_) => ("ip6", "ipv6", "-v6", "icmpv6 type nd-redirect"),
        };
        let bridge = &config.bridge;
        let direct = unmasqueraded(config, pods);
        let direct: Vec<_> = direct.iter().map(ToString::to_string).collect();
        let direct = direct.join(", ");
        // What comes to a host port by the loopback address goes out to the bridge with that address, unless it gets another.
        let loopback = match pods {
            IpNet::V4(_) => format!(
                "\n    ct status dnat ip saddr 127.0.0.0/8 ip daddr {pods} masquerade fully-random"
            ),
            IpNet::V6(_) => String::new(),
        };
        let encrypted = config.wireguard_port.map_or(String::new(), |_| {
            let device = wireguard::name(bridge);
            format!("\n    oifname \"{device}\" {family} saddr != {pods} masquerade fully-random")
        });
        Self {
            postrouting: format!(
                "
    {family} saddr {pods} {family} daddr != {{ {direct} }} masquerade fully-random
    ct status dnat {family} saddr . {family} daddr @hairpin{suffix} masquerade fully-random{loopback}{encrypted}"
            ),
            gateway: format!(
                "
    {family} daddr {pods} iifname != {{ \"{bridge}\", \"lo\" }} ct state != {{ established, related }} drop"
            ),
            redirects: format!("\n    oifname \"{bridge}\" {redirect} drop"),
            host_ports: format!(
                "
    dnat {family} to {family} daddr . meta l4proto . th dport map @host_address_ports{suffix}
    meta nfproto {protocol} dnat {family} to meta l4proto . th dport map @host_ports{suffix}"
            ),
        }
    }
}

/// The elements by which a pod's host ports lead to it.
pub(crate) fn entries(pod: Exposed<'_>) -> Vec<Entry> {
    let address = || Field::Address(pod.address);
    let [hairpin_set, ports_set, address_ports_set] = match pod.address {
        IpAddr::V4(_) => ["hairpin", "host_ports", "host_address_ports"],
        IpAddr::V6(_) => ["hairpin-v6", "host_ports-v6", "host_address_ports-v6"],
    };
    // What a pod sends to itself through the node must come back that way, which its own address would not lead to.
    let hairpin = (!pod.ports.is_empty()).then(|| Entry {
        set: hairpin_set,
        key: vec![address(), address()],
        value: Vec::new(),
    });
    let of_port = |port: &HostPort| {
        let (set, host) = match port.address() {
            // Of the other family: no packet to that address can lead to this pod.
            Some(ip) if ip.is_ipv4() != pod.address.is_ipv4() => return None,
            Some(ip) => (address_ports_set, Some(Field::Address(ip))),
            None => (ports_set, None),
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
    nft::removal(&format!("inet {}", config.table))
}

/// Where these pods are seen under their own address: the cluster's pods, and groups, which no answer comes back from. Of their family,
/// in the fewest ranges, for ranges that overlap are refused.
fn unmasqueraded(config: &Config, pods: IpNet) -> Vec<IpNet> {
    let multicast = match pods {
        IpNet::V4(_) => IpNet::new_assert([224, 0, 0, 0].into(), 4),
        IpNet::V6(_) => IpNet::new_assert([0xff00, 0, 0, 0, 0, 0, 0, 0].into(), 8),
    };
    let same_family = |cidr: &IpNet| cidr.addr().is_ipv4() == pods.addr().is_ipv4();
    let mut ranges: Vec<IpNet> = config
        .cluster_cidrs
        .iter()
        .copied()
        .filter(same_family)
        .map(|c| c.trunc())
        .collect();
    ranges.extend([pods, multicast]);
    IpNet::aggregate(&ranges)
}
