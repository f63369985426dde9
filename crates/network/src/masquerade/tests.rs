use expect_test::{Expect, expect};

use super::*;
use crate::host_port::Protocol;

fn config(pod_cidrs: &str, cluster: &[&str]) -> Config {
    let cluster = cluster.iter().map(|c| c.parse().unwrap()).collect();
    Config::new(pod_cidrs.parse().unwrap(), cluster, "/nowhere".into())
}

fn port(
    protocol: Protocol,
    host_ip: Option<&str>,
    host_port: u16,
    container_port: u16,
) -> HostPort {
    HostPort {
        protocol,
        host_ip: host_ip.map(|ip| ip.parse().unwrap()),
        host_port,
        container_port,
    }
}

#[track_caller]
fn check(actual: &str, expected: &Expect) {
    expected.assert_eq(actual);
}

#[test]
fn the_table_of_a_node() {
    check(
        &ruleset(&config("10.244.1.0/24", &["10.244.0.0/16", "fd00::/48"])),
        &expect![[r#"
            add table inet navarch
            delete table inet navarch
            table inet navarch {
              set interfaces { type ifname; }
              set hairpin { type ipv4_addr . ipv4_addr; }
              map host_ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
              map host_address_ports { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
              set hairpin-v6 { type ipv6_addr . ipv6_addr; }
              map host_ports-v6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
              map host_address_ports-v6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
              chain loopback {
                ip saddr 127.0.0.0/8 drop
                ip daddr 127.0.0.0/8 drop
              }
              chain received {
                type filter hook prerouting priority -450; policy accept;
                iifname "navarch0" goto loopback
                iifname "lo" accept
                iifname @interfaces drop
                jump loopback
              }
              chain postrouting {
                type nat hook postrouting priority 100; policy accept;
                ip saddr 10.244.1.0/24 ip daddr != { 10.244.0.0/16, 224.0.0.0/4 } masquerade fully-random
                ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random
                ct status dnat ip saddr 127.0.0.0/8 ip daddr 10.244.1.0/24 masquerade fully-random
              }
              chain gateway {
                type filter hook input priority 0; policy accept;
                ip daddr 10.244.1.0/24 iifname != { "navarch0", "lo" } ct state != { established, related } drop
              }
              chain passed-on {
                type filter hook forward priority -300; policy accept;
                iifname != "navarch0" accept
                ip saddr != 10.244.1.0/24 drop
                meta nfproto ipv6 drop
                udp dport 4789 @th,96,24 1188871 drop
              }
              chain tunnel-to-here {
                type filter hook input priority -300; policy accept;
                udp dport 4789 @th,96,24 1188871 iifname "navarch0" drop
                udp dport 4789 @th,96,24 1188871 meta iifkind "bridge" fib saddr . iif oif missing fib daddr . iif type != local drop
              }
              chain tunnel-as-host {
                type filter hook postrouting priority 110; policy accept;
                udp dport 4789 @th,96,24 1188871 meta iifkind != "vxlan" ct status snat drop
              }
              chain redirects {
                type filter hook output priority 0; policy accept;
                oifname "navarch0" icmp type redirect drop
              }
              chain host-ports {
                dnat ip to ip daddr . meta l4proto . th dport map @host_address_ports
                meta nfproto ipv4 dnat ip to meta l4proto . th dport map @host_ports
              }
              chain prerouting {
                type nat hook prerouting priority -100; policy accept;
                fib daddr type local jump host-ports
              }
              chain output {
                type nat hook output priority -100; policy accept;
                fib daddr type local jump host-ports
              }
            }
        "#]],
    );
}

#[test]
fn the_table_of_an_ipv6_node() {
    check(
        &ruleset(&config("fd00:0:0:1::/64", &["fd00::/48"])),
        &expect![[r#"
            add table inet navarch
            delete table inet navarch
            table inet navarch {
              set interfaces { type ifname; }
              set hairpin { type ipv4_addr . ipv4_addr; }
              map host_ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
              map host_address_ports { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
              set hairpin-v6 { type ipv6_addr . ipv6_addr; }
              map host_ports-v6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
              map host_address_ports-v6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
              chain loopback {
              }
              chain received {
                type filter hook prerouting priority -450; policy accept;
                iifname "navarch0" goto loopback
                iifname "lo" accept
                iifname @interfaces drop
                jump loopback
              }
              chain postrouting {
                type nat hook postrouting priority 100; policy accept;
                ip6 saddr fd00:0:0:1::/64 ip6 daddr != { fd00::/48, ff00::/8 } masquerade fully-random
                ct status dnat ip6 saddr . ip6 daddr @hairpin-v6 masquerade fully-random
              }
              chain gateway {
                type filter hook input priority 0; policy accept;
                ip6 daddr fd00:0:0:1::/64 iifname != { "navarch0", "lo" } ct state != { established, related } drop
              }
              chain passed-on {
                type filter hook forward priority -300; policy accept;
                iifname != "navarch0" accept
                meta nfproto ipv4 drop
                ip6 saddr != fd00:0:0:1::/64 drop
                ip6 daddr fe80::/10 drop
                udp dport 4789 @th,96,24 15158607 drop
              }
              chain tunnel-to-here {
                type filter hook input priority -300; policy accept;
                udp dport 4789 @th,96,24 15158607 iifname "navarch0" drop
                udp dport 4789 @th,96,24 15158607 meta iifkind "bridge" fib saddr . iif oif missing fib daddr . iif type != local drop
              }
              chain tunnel-as-host {
                type filter hook postrouting priority 110; policy accept;
                udp dport 4789 @th,96,24 15158607 meta iifkind != "vxlan" ct status snat drop
              }
              chain redirects {
                type filter hook output priority 0; policy accept;
                oifname "navarch0" icmpv6 type nd-redirect drop
              }
              chain host-ports {
                dnat ip6 to ip6 daddr . meta l4proto . th dport map @host_address_ports-v6
                meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @host_ports-v6
              }
              chain prerouting {
                type nat hook prerouting priority -100; policy accept;
                fib daddr type local jump host-ports
              }
              chain output {
                type nat hook output priority -100; policy accept;
                fib daddr type local jump host-ports
              }
            }
        "#]],
    );
}

#[test]
fn the_table_of_a_node_of_both_families_has_the_rules_of_each() {
    let ranges = &["10.244.0.0/16", "fd00::/48"];
    let both = ruleset(&config("10.244.1.0/24,fd00:0:0:1::/64", ranges));
    for alone in ["10.244.1.0/24", "fd00:0:0:1::/64"] {
        let of_one = ruleset(&config(alone, ranges));
        // Whoever has one family passes nothing on of the other.
        for line in of_one
            .lines()
            .filter(|line| !line.contains("meta nfproto ipv") || line.contains("dnat"))
        {
            assert!(both.lines().any(|it| it == line), "{line}\n{both}");
        }
    }
}

#[test]
fn ranges_never_overlap() {
    let config = config(
        "10.244.1.7/24",
        &["10.244.0.0/16", "10.244.0.0/17", "10.245.0.0/16"],
    );
    let ranges = unmasqueraded(&config, config.pod_cidrs.first());
    let text: Vec<_> = ranges.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["10.244.0.0/15", "224.0.0.0/4"]);
}

#[test]
fn a_pod_comes_and_goes_by_elements() {
    let config = config("10.244.1.0/24", &[]);
    let ports = [
        port(Protocol::Sctp, Some("0.0.0.0"), 9, 10),
        port(Protocol::Tcp, Some("192.0.2.1"), 80, 8080),
        port(Protocol::Tcp, Some("2001:db8::1"), 80, 8080),
    ];
    let pod = Exposed {
        address: "10.244.1.2".parse().unwrap(),
        ports: &ports,
    };
    let entries = entries(pod);
    let commands: String = entries.iter().map(|e| e.command("inet navarch")).collect();
    check(
        &commands,
        &expect![[r#"
            add element inet navarch hairpin { 10.244.1.2 . 10.244.1.2 }
            add element inet navarch host_ports { sctp . 9 : 10.244.1.2 . 10 }
            add element inet navarch host_address_ports { 192.0.2.1 . tcp . 80 : 10.244.1.2 . 8080 }
        "#]],
    );
    check(
        &removal(&config),
        &expect![[r#"
        add table inet navarch
        delete table inet navarch
    "#]],
    );
}

#[test]
fn where_nodes_encrypt_their_port_is_no_pod_s_and_nobody_sends_from_elsewhere() {
    let mut config = config("10.244.1.0/24,fd00:1::/64", &["10.244.0.0/16"]);
    let clear = ruleset(&config);
    config.wireguard_port = std::num::NonZeroU16::new(51_820);
    let encrypted = ruleset(&config);
    let known: Vec<_> = clear.lines().collect();
    let new = encrypted.lines().filter(|line| !known.contains(line));
    let new: Vec<_> = new.map(str::trim).collect();
    let device = "oifname \"navarch0-wg\"";
    assert_eq!(
        new,
        [
            format!("{device} ip saddr != 10.244.1.0/24 masquerade fully-random"),
            format!("{device} ip6 saddr != fd00:1::/64 masquerade fully-random"),
            "udp dport 51820 return".to_owned(),
        ]
    );
    let first = encrypted.split("chain host-ports {\n").nth(1).unwrap();
    assert!(first.trim_start().starts_with("udp dport 51820 return"));
}
