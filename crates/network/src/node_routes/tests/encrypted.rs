use std::net::IpAddr;

use expect_test::expect;
use serde_json::json;

use super::super::guard;
use super::super::holders::Holders;
use super::super::peer::Peer;
use super::super::plan::{Here, Plan, plan};
use super::{HOME, check, here, peer, segments};
use crate::wireguard::PublicKey;
use crate::wireguard::told::Told;

fn key(number: u8) -> PublicKey {
    PublicKey([number; 32])
}

/// One that says by which key.
fn keyed(name: &str, addresses: &[&str], ranges: &[&str], number: u8) -> Peer {
    let port = std::num::NonZeroU16::new(51_820).unwrap();
    Peer {
        wireguard: Some(Told {
            key: key(number),
            port,
        }),
        ..peer(name, addresses, ranges)
    }
}

#[test]
fn where_all_is_encrypted_there_is_one_way_and_none_without_a_key() {
    let here = Here {
        addresses: ["192.168.1.1", "2001:db8::1"]
            .map(|ip| ip.parse::<IpAddr>().unwrap())
            .to_vec(),
        pod_cidrs: "10.244.0.0/24,fd00:1::/64".parse().unwrap(),
        key: Some(key(1)),
        ..here()
    };
    let since = |text: &str| serde_json::from_value(json!(text)).unwrap();
    let both = ["10.244.3.0/24", "fd00:1:0:3::/64"];
    let mut late = keyed("g", &["192.168.1.7"], &["10.244.7.0/24"], 2);
    late.since = since("2026-01-02T00:00:00Z");
    let mut claims = keyed("h", &["192.168.1.8"], &["10.244.2.0/24"], 8);
    claims.since = since("2026-01-02T00:00:00Z");
    let peers = [
        // On the segment, behind a router, and of both families.
        keyed("b", &["192.168.1.2"], &["10.244.2.0/24"], 2),
        keyed("c", &["2001:db8:2::3", "192.168.2.3"], &both, 3),
        // It has said none.
        peer("d", &["192.168.1.4"], &["10.244.4.0/24"]),
        // Its key is this node's own, or another's; its range is another's, or more than a node is given.
        keyed("e", &["192.168.1.5"], &["10.244.5.0/24"], 1),
        late,
        claims,
        keyed("i", &["192.168.1.9"], &["10.244.16.0/20"], 9),
        keyed("j", &["192.168.1.10"], &["0.0.0.0/0"], 10),
        // Nothing leads there.
        keyed("k", &["2001:db8::9"], &["10.244.9.0/24"], 11),
    ];
    check(
        &here,
        &peers,
        &[HOME, "2001:db8::1/64"],
        &expect![[r#"
            10.244.2.0/24 for AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= at 192.168.1.2:51820
            10.244.3.0/24 fd00:1:0:3::/64 for AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM= at 192.168.2.3:51820
            d has no key
            e has the key of a
            g has the key of b
        "#]],
    );
    let plan = plan(&here, &peers, &segments(&[HOME]), &Holders::new());
    let unreachable: Vec<_> = plan.unreachable.into_iter().collect();
    assert_eq!(unreachable, ["k"]);
}

#[test]
fn who_has_had_a_key_keeps_it_for_as_long_as_it_says_it() {
    let here = Here {
        key: Some(key(1)),
        ..here()
    };
    let since = |text: &str| serde_json::from_value(json!(text)).unwrap();
    let old = |number| {
        let mut old = keyed("old", &["192.168.1.2"], &["10.244.88.0/24"], number);
        old.since = since("2026-01-01T00:00:00Z");
        old
    };
    let young = |number| {
        let mut young = keyed("young", &["192.168.1.3"], &["10.244.99.0/24"], number);
        young.since = since("2026-01-02T00:00:00Z");
        young
    };
    let planned = |peers: &[Peer], had: &Holders| plan(&here, peers, &[], had);
    let ranges = |plan: &Plan| -> Vec<String> {
        let all = plan.encrypted.values().flat_map(|peer| &peer.ranges);
        all.map(ToString::to_string).collect()
    };
    let doubled = |plan: &Plan| -> Vec<_> { plan.doubled.clone().into_iter().collect() };
    let pair = |node: &str, holder: &str| vec![(node.to_owned(), holder.to_owned())];
    let before = planned(&[young(3)], &Holders::new());
    // The older node says the younger one's key.
    let both = [old(3), young(3)];
    let after = planned(&both, &before.holders);
    assert_eq!(ranges(&after), ["10.244.99.0/24"]);
    assert_eq!(doubled(&after), pair("old", "young"));
    // Of two newcomers it is the older one's, and is so when this one says another.
    let new = planned(&both, &Holders::new());
    assert_eq!(ranges(&new), ["10.244.88.0/24"]);
    assert_eq!(doubled(&new), pair("young", "old"));
    let gone = planned(&[old(3), young(4)], &after.holders);
    assert_eq!(gone.holders[&key(3)], "old");
    assert!(gone.doubled.is_empty());
    // Whoever is not heard for any range takes no key.
    let mut nobody = old(3);
    nobody.pod_cidrs = vec!["10.0.0.0/24".parse().unwrap()];
    let new = planned(&[nobody, young(3)], &Holders::new());
    assert_eq!(ranges(&new), ["10.244.99.0/24"]);
}

#[test]
fn the_guard_of_what_is_encrypted() {
    let cluster = ["10.244.0.0/16", "fd00:1::/48"].map(|range| range.parse().unwrap());
    expect![[r#"
        add table inet navarch_hosts
        delete table inet navarch_hosts
        table inet navarch_hosts {
          chain from-elsewhere {
            type filter hook prerouting priority -310; policy accept;
            iifname != { "lo", "navarch0", "navarch0-wg" } ip saddr 10.244.0.0/16 drop
            iifname != { "lo", "navarch0", "navarch0-wg" } ip6 saddr fd00:1::/48 drop
          }
          chain to-elsewhere {
            type filter hook postrouting priority 310; policy accept;
            oifname != { "lo", "navarch0", "navarch0-wg" } ip daddr 10.244.0.0/16 drop
            oifname != { "lo", "navarch0", "navarch0-wg" } ip6 daddr fd00:1::/48 drop
          }
          chain to-others {
            type filter hook forward priority -10; policy accept;
            iifname "navarch0-wg" oifname != { "navarch0", "navarch0-wg" } ct state != { established, related } drop
          }
        }
    "#]]
    .assert_eq(&guard::sealed(
        "navarch_hosts",
        ["navarch0", "navarch0-wg"],
        &cluster,
    ));
}
