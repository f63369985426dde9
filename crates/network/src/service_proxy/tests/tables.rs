//! The tables, and the chains beside them.

use super::*;

#[test]
fn the_tables_are_the_same_whatever_the_services() {
    expect![[r#"
        table ip services {
          set pods { type ipv4_addr; flags interval; }
          set service-ranges { type ipv4_addr; flags interval; }
          set cluster-ips { type ipv4_addr; }
          set external-ips { type ipv4_addr; }
          set announced { type ipv4_addr; }
          set hairpin { type ipv4_addr . ipv4_addr; }
          set firewalled { type ipv4_addr . inet_proto . inet_service; }
          set allowed-sources { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }
          map services { type ipv4_addr . inet_proto . inet_service : verdict; }
          map node-ports { type inet_proto . inet_service : verdict; }
          map inside-services { type ipv4_addr . inet_proto . inet_service : verdict; }
          map inside-node-ports { type inet_proto . inet_service : verdict; }
          map endpoints { type mark . ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
          map node-port-endpoints { type mark . inet_proto . inet_service : ipv4_addr . inet_service; }
          map inside-endpoints { type mark . ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
          map inside-node-port-endpoints { type mark . inet_proto . inet_service : ipv4_addr . inet_service; }
          map sources { type ipv4_addr . inet_proto . inet_service : verdict; }
          map node-port-sources { type inet_proto . inet_service : verdict; }
          map remember-services { type ipv4_addr . inet_proto . inet_service : verdict; }
          map remember-node-ports { type inet_proto . inet_service : verdict; }
          map affinity { type ipv4_addr . ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 262144; }
          map node-port-affinity { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 262144; }
          map unserved { type ipv4_addr . inet_proto . inet_service : verdict; }
          map unserved-node-ports { type inet_proto . inet_service : verdict; }
          chain firewall-prerouting { type filter hook prerouting priority -110; policy accept; }
          chain firewall-output { type filter hook output priority -110; policy accept; }
          chain prerouting { type nat hook prerouting priority -101; policy accept; }
          chain output { type nat hook output priority -101; policy accept; }
          chain input { type nat hook input priority 99; policy accept; }
          chain postrouting { type nat hook postrouting priority 99; policy accept; }
          chain filter-input { type filter hook input priority 0; policy accept; }
          chain filter-forward { type filter hook forward priority 0; policy accept; }
          chain filter-output { type filter hook output priority 0; policy accept; }
          chain firewall { }
          chain dispatch { }
          chain inside { }
          chain remember { }
          chain sources { }
          chain source-pods { }
          chain source-nobody { }
          chain source-others { }
          chain unserved-here { }
          chain unserved-elsewhere { }
          chain refuse { }
        }
        flush chain ip services firewall-prerouting
        flush chain ip services firewall-output
        flush chain ip services prerouting
        flush chain ip services output
        flush chain ip services input
        flush chain ip services postrouting
        flush chain ip services filter-input
        flush chain ip services filter-forward
        flush chain ip services filter-output
        flush chain ip services firewall
        flush chain ip services dispatch
        flush chain ip services inside
        flush chain ip services remember
        flush chain ip services sources
        flush chain ip services source-pods
        flush chain ip services source-nobody
        flush chain ip services source-others
        flush chain ip services unserved-here
        flush chain ip services unserved-elsewhere
        flush chain ip services refuse
        flush set ip services pods
        add element ip services pods { 10.244.0.0/16 }
        flush set ip services service-ranges
        add element ip services service-ranges { 10.96.0.0/16 }
        table ip services {
          chain firewall-prerouting { ct state new jump firewall; }
          chain firewall-output { ct state new jump firewall; }
          chain firewall {
            ip daddr . meta l4proto . th dport @firewalled ip daddr . meta l4proto . th dport . ip saddr != @allowed-sources drop
          }
          chain prerouting { jump dispatch; }
          chain output { jump dispatch; }
          chain dispatch {
            ip saddr @pods jump inside
            fib saddr type local jump inside
            ip daddr . meta l4proto . th dport vmap @services
            fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @node-ports
          }
          chain inside {
            ip daddr . meta l4proto . th dport vmap @inside-services
            fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @inside-node-ports
          }
          chain input { ct status dnat jump remember; }
          chain postrouting {
            ct status dnat jump remember
            ct status dnat jump sources
          }
          chain remember {
            meta l4proto tcp ct original ip daddr . meta l4proto . ct original proto-dst vmap @remember-services
            meta l4proto udp ct original ip daddr . meta l4proto . ct original proto-dst vmap @remember-services
            meta l4proto sctp ct original ip daddr . meta l4proto . ct original proto-dst vmap @remember-services
            ct original ip daddr @cluster-ips return
            ct original ip daddr @external-ips return
            meta l4proto tcp meta l4proto . ct original proto-dst vmap @remember-node-ports
            meta l4proto udp meta l4proto . ct original proto-dst vmap @remember-node-ports
            meta l4proto sctp meta l4proto . ct original proto-dst vmap @remember-node-ports
          }
          chain sources {
            ip saddr . ip daddr @hairpin masquerade fully-random
            meta l4proto tcp ct original ip daddr . meta l4proto . ct original proto-dst vmap @sources
            meta l4proto udp ct original ip daddr . meta l4proto . ct original proto-dst vmap @sources
            meta l4proto sctp ct original ip daddr . meta l4proto . ct original proto-dst vmap @sources
            ct original ip daddr @cluster-ips return
            ct original ip daddr @external-ips return
            meta l4proto tcp meta l4proto . ct original proto-dst vmap @node-port-sources
            meta l4proto udp meta l4proto . ct original proto-dst vmap @node-port-sources
            meta l4proto sctp meta l4proto . ct original proto-dst vmap @node-port-sources
          }
          chain source-pods { ip saddr != @pods masquerade fully-random; }
          chain source-nobody { masquerade fully-random; }
          chain source-others { fib saddr type local masquerade fully-random; }
          chain filter-input { ct state new jump unserved-here; }
          chain filter-forward { ct state new jump unserved-elsewhere; }
          chain filter-output { ct state new jump unserved-elsewhere; }
          chain unserved-here {
            ip daddr . meta l4proto . th dport vmap @unserved
            ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @unserved-node-ports
          }
          chain unserved-elsewhere {
            ip daddr . meta l4proto . th dport vmap @unserved
            ip daddr @cluster-ips reject
            ip daddr @announced meta l4proto tcp reject with tcp reset
            ip daddr @announced reject
            ip daddr @service-ranges drop
          }
          chain refuse { reject; }
        }
    "#]].assert_eq(&layout::declaration(&layout(), "services", Family::V4));
    expect![[r#"
        table ip6 services {
          set pods { type ipv6_addr; flags interval; }
          set service-ranges { type ipv6_addr; flags interval; }
          set cluster-ips { type ipv6_addr; }
          set external-ips { type ipv6_addr; }
          set announced { type ipv6_addr; }
          set hairpin { type ipv6_addr . ipv6_addr; }
          set firewalled { type ipv6_addr . inet_proto . inet_service; }
          set allowed-sources { type ipv6_addr . inet_proto . inet_service . ipv6_addr; flags interval; }
          map services { type ipv6_addr . inet_proto . inet_service : verdict; }
          map node-ports { type inet_proto . inet_service : verdict; }
          map inside-services { type ipv6_addr . inet_proto . inet_service : verdict; }
          map inside-node-ports { type inet_proto . inet_service : verdict; }
          map endpoints { type mark . ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
          map node-port-endpoints { type mark . inet_proto . inet_service : ipv6_addr . inet_service; }
          map inside-endpoints { type mark . ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
          map inside-node-port-endpoints { type mark . inet_proto . inet_service : ipv6_addr . inet_service; }
          map sources { type ipv6_addr . inet_proto . inet_service : verdict; }
          map node-port-sources { type inet_proto . inet_service : verdict; }
          map remember-services { type ipv6_addr . inet_proto . inet_service : verdict; }
          map remember-node-ports { type inet_proto . inet_service : verdict; }
          map affinity { type ipv6_addr . ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; flags dynamic,timeout; size 262144; }
          map node-port-affinity { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; flags dynamic,timeout; size 262144; }
          map unserved { type ipv6_addr . inet_proto . inet_service : verdict; }
          map unserved-node-ports { type inet_proto . inet_service : verdict; }
          chain firewall-prerouting { type filter hook prerouting priority -110; policy accept; }
          chain firewall-output { type filter hook output priority -110; policy accept; }
          chain prerouting { type nat hook prerouting priority -101; policy accept; }
          chain output { type nat hook output priority -101; policy accept; }
          chain input { type nat hook input priority 99; policy accept; }
          chain postrouting { type nat hook postrouting priority 99; policy accept; }
          chain filter-input { type filter hook input priority 0; policy accept; }
          chain filter-forward { type filter hook forward priority 0; policy accept; }
          chain filter-output { type filter hook output priority 0; policy accept; }
          chain firewall { }
          chain dispatch { }
          chain inside { }
          chain remember { }
          chain sources { }
          chain source-pods { }
          chain source-nobody { }
          chain source-others { }
          chain unserved-here { }
          chain unserved-elsewhere { }
          chain refuse { }
        }
        flush chain ip6 services firewall-prerouting
        flush chain ip6 services firewall-output
        flush chain ip6 services prerouting
        flush chain ip6 services output
        flush chain ip6 services input
        flush chain ip6 services postrouting
        flush chain ip6 services filter-input
        flush chain ip6 services filter-forward
        flush chain ip6 services filter-output
        flush chain ip6 services firewall
        flush chain ip6 services dispatch
        flush chain ip6 services inside
        flush chain ip6 services remember
        flush chain ip6 services sources
        flush chain ip6 services source-pods
        flush chain ip6 services source-nobody
        flush chain ip6 services source-others
        flush chain ip6 services unserved-here
        flush chain ip6 services unserved-elsewhere
        flush chain ip6 services refuse
        flush set ip6 services pods
        add element ip6 services pods { fd00:1::/48 }
        flush set ip6 services service-ranges
        table ip6 services {
          chain firewall-prerouting { ct state new jump firewall; }
          chain firewall-output { ct state new jump firewall; }
          chain firewall {
            ip6 daddr . meta l4proto . th dport @firewalled ip6 daddr . meta l4proto . th dport . ip6 saddr != @allowed-sources drop
          }
          chain prerouting { jump dispatch; }
          chain output { jump dispatch; }
          chain dispatch {
            ip6 saddr @pods jump inside
            fib saddr type local jump inside
            ip6 daddr . meta l4proto . th dport vmap @services
            fib daddr type local ip6 daddr != ::1 meta l4proto . th dport vmap @node-ports
          }
          chain inside {
            ip6 daddr . meta l4proto . th dport vmap @inside-services
            fib daddr type local ip6 daddr != ::1 meta l4proto . th dport vmap @inside-node-ports
          }
          chain input { ct status dnat jump remember; }
          chain postrouting {
            ct status dnat jump remember
            ct status dnat jump sources
          }
          chain remember {
            meta l4proto tcp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @remember-services
            meta l4proto udp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @remember-services
            meta l4proto sctp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @remember-services
            ct original ip6 daddr @cluster-ips return
            ct original ip6 daddr @external-ips return
            meta l4proto tcp meta l4proto . ct original proto-dst vmap @remember-node-ports
            meta l4proto udp meta l4proto . ct original proto-dst vmap @remember-node-ports
            meta l4proto sctp meta l4proto . ct original proto-dst vmap @remember-node-ports
          }
          chain sources {
            ip6 saddr . ip6 daddr @hairpin masquerade fully-random
            meta l4proto tcp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @sources
            meta l4proto udp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @sources
            meta l4proto sctp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @sources
            ct original ip6 daddr @cluster-ips return
            ct original ip6 daddr @external-ips return
            meta l4proto tcp meta l4proto . ct original proto-dst vmap @node-port-sources
            meta l4proto udp meta l4proto . ct original proto-dst vmap @node-port-sources
            meta l4proto sctp meta l4proto . ct original proto-dst vmap @node-port-sources
          }
          chain source-pods { ip6 saddr != @pods masquerade fully-random; }
          chain source-nobody { masquerade fully-random; }
          chain source-others { fib saddr type local masquerade fully-random; }
          chain filter-input { ct state new jump unserved-here; }
          chain filter-forward { ct state new jump unserved-elsewhere; }
          chain filter-output { ct state new jump unserved-elsewhere; }
          chain unserved-here {
            ip6 daddr . meta l4proto . th dport vmap @unserved
            ip6 daddr != ::1 meta l4proto . th dport vmap @unserved-node-ports
          }
          chain unserved-elsewhere {
            ip6 daddr . meta l4proto . th dport vmap @unserved
            ip6 daddr @cluster-ips reject
            ip6 daddr @announced meta l4proto tcp reject with tcp reset
            ip6 daddr @announced reject
            ip6 daddr @service-ranges drop
          }
          chain refuse { reject; }
        }
    "#]].assert_eq(&layout::declaration(&layout(), "services", Family::V6));
}

#[test]
fn chains_are_made_for_what_is_the_same_in_many_services() {
    use crate::service_proxy::element::Scope::{All, Inside};
    let address = Frontend::Address("10.96.0.7".parse().unwrap(), Protocol::Tcp, 80);
    let port = Frontend::NodePort(Family::V4, Protocol::Tcp, 30080);
    let choose = |count, sticky| Value::Choose { count, sticky };
    let mut text = String::new();
    for (key, value) in [
        (Key::Dispatch(All, address), choose(3, true)),
        (Key::Dispatch(Inside, address), choose(3, false)),
        (Key::Dispatch(All, port), choose(3, true)),
        (Key::Dispatch(Inside, port), choose(1, false)),
        (Key::Remember(address), Value::Remember(10)),
        (Key::Remember(port), Value::Remember(10)),
    ] {
        let name = chains::chain(&key, &value).unwrap();
        for rule in chains::rules(&key, &value).unwrap() {
            writeln!(text, "{name}: {rule:?}").unwrap();
        }
    }
    expect![[r#"
        choose-services-3-sticky: SendOn { key: [Source, Destination, Protocol, Port], map: "affinity" }
        choose-services-3-sticky: SendOn { key: [Random(3), Destination, Protocol, Port], map: "endpoints" }
        choose-inside-services-3: SendOn { key: [Random(3), Destination, Protocol, Port], map: "inside-endpoints" }
        choose-node-ports-3-sticky: SendOn { key: [Source, Protocol, Port], map: "node-port-affinity" }
        choose-node-ports-3-sticky: SendOn { key: [Random(3), Protocol, Port], map: "node-port-endpoints" }
        choose-inside-node-ports-1: SendOn { key: [Random(1), Protocol, Port], map: "inside-node-port-endpoints" }
        remember-services-10: Remember { key: [OriginalSource, OriginalDestination, Protocol, OriginalPort], map: "affinity", seconds: 10 }
        remember-node-ports-10: Remember { key: [OriginalSource, Protocol, OriginalPort], map: "node-port-affinity", seconds: 10 }
    "#]].assert_eq(&text);
}

#[test]
fn the_port_of_encrypted_packets_is_no_service_s_at_the_host_s_addresses() {
    let layout = Layout {
        spared: std::num::NonZeroU16::new(51_820),
        ..layout()
    };
    let text = layout::declaration(&layout, "services", Family::V4);
    for chain in ["firewall", "dispatch", "unserved-here"] {
        let chain = text.split(&format!("chain {chain} {{\n")).nth(1).unwrap();
        let first = chain.trim_start();
        assert!(
            first.starts_with("udp dport 51820 fib daddr type local return\n"),
            "{first}"
        );
    }
}
