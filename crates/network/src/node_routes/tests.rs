use std::net::IpAddr;

use expect_test::{Expect, expect};
use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

use super::config::NodeRoutesConfig;
use super::guard;
use super::holders::Holders;
use super::mtu;
use super::peer::Peer;
use super::plan::{Here, Plan, Segment, plan};
use super::tunnel;
use crate::wireguard;

mod encrypted;

const HOME: &str = "192.168.1.1/24";

fn here() -> Here {
    Here {
        name: "a".into(),
        addresses: vec!["192.168.1.1".parse().unwrap()],
        pod_cidrs: "10.244.0.0/24".parse().unwrap(),
        cluster_cidrs: ["10.244.0.0/16", "fd00:1::/48"]
            .map(|range| range.parse().unwrap())
            .to_vec(),
        always_tunnel: false,
        key: None,
    }
}

fn peer(name: &str, addresses: &[&str], ranges: &[&str]) -> Peer {
    let addresses: Vec<Value> = addresses
        .iter()
        .map(|ip| json!({"type": "InternalIP", "address": ip}))
        .collect();
    let node = json!({
        "metadata": {"name": name},
        "spec": {"podCIDR": ranges.first(), "podCIDRs": ranges},
        "status": {"addresses": addresses},
    });
    let node: Node = serde_json::from_value(node).unwrap();
    Peer::of(&node)
}

fn segments(own: &[&str]) -> Vec<Segment> {
    (2..)
        .zip(own)
        .map(|(interface, own)| Segment {
            own: own.parse().unwrap(),
            interface,
        })
        .collect()
}

fn told(plan: &Plan) -> String {
    let mut text = String::new();
    for (to, way) in &plan.direct {
        text += &format!("{to} by {} on {}\n", way.gateway, way.interface);
    }
    for (to, way) in &plan.tunnelled {
        let mac = way.mac.map(|octet| format!("{octet:02x}")).join(":");
        text += &format!("{to} through {} at {mac} in {}\n", way.gateway, way.host);
    }
    for (key, peer) in &plan.encrypted {
        let ranges: Vec<_> = peer.ranges.iter().map(ToString::to_string).collect();
        let ranges = ranges.join(" ");
        text += &format!("{ranges} for {key} at {}\n", peer.endpoint);
    }
    for node in &plan.keyless {
        text += &format!("{node} has no key\n");
    }
    for (node, holder) in &plan.doubled {
        text += &format!("{node} has the key of {holder}\n");
    }
    if let Some(begin) = &plan.begin {
        let own = if begin.is_own { "" } else { ", translated" };
        text += &format!("from {}{own}\n", begin.address);
    }
    text
}

#[track_caller]
fn check(here: &Here, peers: &[Peer], own: &[&str], expected: &Expect) {
    expected.assert_eq(&told(&plan(here, peers, &segments(own), &Holders::new())));
}

#[test]
fn a_node_on_the_segment_is_reached_straight_and_one_behind_a_router_through_the_tunnel() {
    let peers = [
        peer("a", &["192.168.1.1"], &["10.244.0.0/24"]),
        peer("b", &["192.168.1.2"], &["10.244.1.0/24"]),
        peer("c", &["192.168.2.3"], &["10.244.2.0/24"]),
    ];
    check(
        &here(),
        &peers,
        &["127.0.0.1/8", HOME],
        &expect![[r#"
            10.244.1.0/24 by 192.168.1.2 on 3
            10.244.2.0/24 through 10.244.2.1 at 0a:58:0a:f4:02:01 in 192.168.2.3
            from 192.168.1.1
        "#]],
    );
    // Where that is wanted, all of them.
    let always = Here {
        always_tunnel: true,
        ..here()
    };
    check(
        &always,
        &peers,
        &[HOME],
        &expect![[r#"
            10.244.1.0/24 through 10.244.1.1 at 0a:58:0a:f4:01:01 in 192.168.1.2
            10.244.2.0/24 through 10.244.2.1 at 0a:58:0a:f4:02:01 in 192.168.2.3
            from 192.168.1.1
        "#]],
    );
}

#[test]
fn both_ends_choose_the_same_way() {
    // A has a second interface in B's segment; B knows A by its first address alone.
    let b = [peer("b", &["172.16.0.2"], &["10.244.1.0/24"])];
    check(
        &here(),
        &b,
        &[HOME, "172.16.0.1/24"],
        &expect![[r#"
            10.244.1.0/24 through 10.244.1.1 at 0a:58:0a:f4:01:01 in 172.16.0.2
            from 192.168.1.1
        "#]],
    );
}

#[test]
fn a_node_whose_address_is_translated_has_a_tunnel_all_the_same() {
    let b = [peer("b", &["192.168.1.2"], &["10.244.1.0/24"])];
    check(
        &here(),
        &b,
        &["10.0.0.5/24"],
        &expect![[r#"
            10.244.1.0/24 through 10.244.1.1 at 0a:58:0a:f4:01:01 in 192.168.1.2
            from 192.168.1.1, translated
        "#]],
    );
}

#[test]
fn a_node_can_take_nobody_elses_addresses() {
    let mut first = peer("z", &["192.168.1.9"], &["10.244.9.0/24"]);
    let since = |text: &str| serde_json::from_value(json!(text)).unwrap();
    first.since = since("2026-01-01T00:00:00Z");
    let mut late = peer("b", &["192.168.1.2"], &["10.244.9.0/25", "10.244.9.128/25"]);
    late.since = since("2026-01-02T00:00:00Z");
    let mut wide = peer("c", &["192.168.1.3"], &["10.244.8.0/23"]);
    wide.since = late.since.clone();
    let peers = [
        // Everything, what is outside, this node's own, and a service's.
        peer("d", &["192.168.1.4"], &["0.0.0.0/0"]),
        peer("e", &["192.168.1.4"], &["192.168.1.0/24"]),
        peer("f", &["192.168.1.4"], &["10.244.0.0/25"]),
        peer("g", &["192.168.1.4"], &["10.96.0.0/24"]),
        late,
        wide,
        first,
    ];
    check(
        &here(),
        &peers,
        &[HOME],
        &expect![[r#"
            10.244.9.0/24 by 192.168.1.9 on 2
        "#]],
    );
}

#[test]
fn a_node_cannot_hold_the_ranges_of_those_to_come() {
    let since = |text: &str| serde_json::from_value(json!(text)).unwrap();
    let mut wide = peer("b", &["192.168.1.66"], &["10.244.16.0/20"]);
    wide.since = since("2026-01-01T00:00:00Z");
    let mut late = peer("c", &["192.168.1.3"], &["10.244.16.0/24"]);
    late.since = since("2026-01-02T00:00:00Z");
    check(
        &here(),
        &[wide, late],
        &[HOME],
        &expect![[r#"
            10.244.16.0/24 by 192.168.1.3 on 2
        "#]],
    );
}

#[test]
fn no_way_leads_to_addresses_that_are_none_of_another_host() {
    let claimed = [
        "127.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "169.254.1.1",
        "255.255.255.255",
        "10.244.0.7",
        "192.168.1.1",
        "fe80::1",
    ];
    for address in claimed {
        let peers = [peer("b", &[address], &["10.244.1.0/24"])];
        check(&here(), &peers, &[HOME, "127.0.0.1/8"], &expect![""]);
    }
    let alone = Here {
        addresses: vec!["127.0.0.1".parse().unwrap()],
        ..here()
    };
    let peers = [peer("b", &["192.168.1.2"], &["10.244.1.0/24"])];
    check(&alone, &peers, &[HOME], &expect![""]);
}

#[test]
fn each_family_has_its_ways() {
    let both = Here {
        addresses: ["192.168.1.1", "2001:db8::1"]
            .map(|ip| ip.parse::<IpAddr>().unwrap())
            .to_vec(),
        pod_cidrs: "10.244.0.0/24,fd00:1::/64".parse().unwrap(),
        ..here()
    };
    let ranges = ["10.244.1.0/24", "fd00:1:0:1::/64"];
    let near = peer("b", &["192.168.1.2", "2001:db8::2"], &ranges);
    let ranges = ["10.244.2.0/24", "fd00:1:0:2::/64"];
    // Its IPv4 is on the segment; what it has of IPv6 goes through the tunnel, to the same hardware address as if both did.
    let half = peer("c", &["192.168.1.3"], &ranges);
    check(
        &both,
        &[near.clone(), half.clone()],
        &[HOME, "2001:db8::1/64"],
        &expect![[r#"
            10.244.1.0/24 by 192.168.1.2 on 2
            10.244.2.0/24 by 192.168.1.3 on 2
            fd00:1:0:1::/64 by 2001:db8::2 on 3
            fd00:1:0:2::/64 through fd00:1:0:2::1 at 0a:58:0a:f4:02:01 in 192.168.1.3
            from 192.168.1.1
        "#]],
    );
    // Whoever has no addresses of a family has nothing to send from; a node whose first range is another's is nobody's.
    let mut first = peer("b", &["192.168.1.2"], &["10.244.1.0/24", "fd00:1:0:1::/64"]);
    first.since = None;
    let second = peer("z", &["192.168.1.9"], &["10.244.1.0/24", "fd00:1:0:9::/64"]);
    check(
        &here(),
        &[near, half],
        &[HOME, "2001:db8::1/64"],
        &expect![[r#"
            10.244.1.0/24 by 192.168.1.2 on 2
            10.244.2.0/24 by 192.168.1.3 on 2
        "#]],
    );
    check(
        &both,
        &[first, second],
        &[HOME],
        &expect![[r#"
            10.244.1.0/24 by 192.168.1.2 on 2
            fd00:1:0:1::/64 through fd00:1:0:1::1 at 0a:58:0a:f4:01:01 in 192.168.1.2
            from 192.168.1.1
        "#]],
    );
    // Whichever address a node names first, the tunnel is of the family of the cluster's first range.
    let turned = Here {
        addresses: ["2001:db8::1", "192.168.1.1"]
            .map(|ip| ip.parse::<IpAddr>().unwrap())
            .to_vec(),
        ..both.clone()
    };
    let ranges = ["10.244.1.0/24", "fd00:1:0:1::/64"];
    let far = peer("b", &["2001:db8:2::2", "192.168.2.2"], &ranges);
    let of_v6_alone = peer("c", &["2001:db8:2::3"], &["10.244.2.0/24"]);
    check(
        &turned,
        &[far, of_v6_alone.clone()],
        &[HOME, "2001:db8::1/64"],
        &expect![[r#"
            10.244.1.0/24 through 10.244.1.1 at 0a:58:0a:f4:01:01 in 192.168.2.2
            fd00:1:0:1::/64 through fd00:1:0:1::1 at 0a:58:0a:f4:01:01 in 192.168.2.2
            from 192.168.1.1
        "#]],
    );
    let without = plan(&turned, &[of_v6_alone], &segments(&[HOME]), &Holders::new());
    assert!(without.unreachable.contains("c"));
    // No two nodes of IPv6 have one hardware address.
    let only = Here {
        addresses: vec!["2001:db8::1".parse().unwrap()],
        pod_cidrs: "fd00:1::/64".parse().unwrap(),
        ..here()
    };
    let far = |name: &str, ip: &str, range: &str| peer(name, &[ip], &[range]);
    let peers = [
        far("b", "2001:db8:1::2", "fd00:1:0:1::/64"),
        far("c", "2001:db8:1::3", "fd00:1:0:2::/64"),
    ];
    let plan = plan(
        &only,
        &peers,
        &segments(&["2001:db8::1/64"]),
        &Holders::new(),
    );
    let mut ends: Vec<_> = plan.tunnelled.values().map(|way| way.mac).collect();
    ends.push(plan.begin.unwrap().mac);
    ends.sort_unstable();
    ends.dedup();
    assert_eq!(ends.len(), 3);
}

#[test]
fn packets_fit_through_the_tunnel() {
    let v4: IpAddr = "192.168.1.1".parse().unwrap();
    let v6: IpAddr = "2001:db8::1".parse().unwrap();
    assert_eq!(mtu::within(1500, v4, false), 1450);
    assert_eq!(mtu::within(9000, v4, false), 8950);
    assert_eq!(mtu::within(1500, v6, false), 1430);
    assert_eq!(mtu::within(1500, v4, true), 1440);
    assert_eq!(mtu::within(1500, v6, true), 1420);
    // The least that IPv6 takes.
    assert_eq!(mtu::within(1300, v6, false), 1280);
}

#[test]
fn how_large_packets_are_goes_by_the_address_that_the_tunnel_is_at() {
    let of = |pods: &str| {
        let ranges = pods.parse().unwrap();
        let cluster = ["10.244.0.0/16", "fd00:1::/48"].map(|range| range.parse().unwrap());
        let mut config = NodeRoutesConfig::new(ranges, cluster.to_vec(), "b", "t");
        let addresses = ["10.244.0.1", "127.0.0.1", "192.168.1.1", "2001:db8::1"];
        config.addresses = addresses.map(|ip| ip.parse().unwrap()).to_vec();
        config.outer().unwrap().to_string()
    };
    assert_eq!(of("10.244.0.0/24,fd00:1::/64"), "192.168.1.1");
    assert_eq!(of("fd00:1::/64,10.244.0.0/24"), "2001:db8::1");
}

#[test]
fn names_and_numbers_are_derived() {
    assert_eq!(tunnel::name("navarch0"), "navarch0-vx");
    assert_eq!(tunnel::name("a-bridge-of-15").len(), 15);
    assert_eq!(wireguard::name("navarch0"), "navarch0-wg");
    assert_ne!(
        wireguard::name("a-bridge-of-15"),
        tunnel::name("a-bridge-of-15")
    );
    let number = |range: &str| tunnel::number(&[range.parse::<IpNet>().unwrap()]);
    assert_eq!(number("10.244.0.0/16"), number("10.244.7.9/16"));
    assert_ne!(number("10.244.0.0/16"), number("10.245.0.0/16"));
    assert!(number("10.244.0.0/16") < 1 << 24);
}

#[test]
fn the_guard_of_the_tunnel() {
    let hosts = ["192.168.2.3", "fd00::4"].map(|ip| ip.parse().unwrap());
    let mut text = guard::ruleset("navarch_hosts", 7);
    for entry in guard::entries(hosts.into_iter()) {
        text.push_str(&entry.command("inet navarch_hosts"));
    }
    expect![[r#"
        add table inet navarch_hosts
        delete table inet navarch_hosts
        table inet navarch_hosts {
          set hosts { type ipv4_addr; }
          set hosts-v6 { type ipv6_addr; }
          chain input {
            type filter hook input priority -10; policy accept;
            meta nfproto ipv4 udp dport 4789 @th,96,24 7 ip saddr != @hosts drop
            meta nfproto ipv6 udp dport 4789 @th,96,24 7 ip6 saddr != @hosts-v6 drop
          }
        }
        add element inet navarch_hosts hosts { 192.168.2.3 }
        add element inet navarch_hosts hosts-v6 { fd00::4 }
    "#]]
    .assert_eq(&text);
}
