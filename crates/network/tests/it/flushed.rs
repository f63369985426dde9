//! What is when somebody else takes a node's rules away, as `systemctl reload nftables` does.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use navarch_network::{HostPort, Protocol};
use serde_json::json;

use crate::cluster::{cluster_ip, ready};
use crate::guarded::Guarded;
use crate::sources::datagrams;
use crate::{attach, ip};

/// Until then everything is back.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_ruleset_is_back_within_a_second() {
    let guarded = Guarded::start().await;
    let host = &guarded.cluster.node.host;
    let server = guarded.pod("server", json!({"app": "web"})).await;
    let friend = guarded.pod("friend", json!({"role": "friend"})).await;
    let other = guarded.pod("other", json!({})).await;
    let port = HostPort {
        protocol: Protocol::Tcp,
        host_ip: None,
        host_port: 8080,
        container_port: 80,
    };
    let (exposed, _) = attach(&guarded.cluster.network, "exposed", vec![port]).await;
    exposed.answer(80, "exposed");
    server.answer(8080, "server");
    let from = json!([{"podSelector": {"matchLabels": {"role": "friend"}}}]);
    let spec = json!({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": from}]});
    guarded.policy("web", spec).await;
    let behind = [ready(&server.attachment)];
    let service = guarded.cluster.service("web", json!({}), &behind).await;
    let service = (cluster_ip(&service), 80);
    guarded.cluster.outside.answer(80, "outside");
    other.sh("ip addr add 10.244.1.99/32 dev eth0");
    host.answer_udp(53, "node");
    let gateway = (other.attachment.gateway, 53);
    let all_is_well = || {
        assert_eq!(friend.who(service).unwrap(), "server");
        assert!(other.who((server.ip(), 8080)).is_err());
        let outside = (ip("192.0.2.2"), 80);
        assert_eq!(friend.seen_as(outside).unwrap(), ip("192.0.2.1"));
        assert_eq!(
            guarded
                .cluster
                .outside
                .who((ip("192.0.2.1"), 8080))
                .unwrap(),
            "exposed"
        );
        assert!(
            other
                .who_udp_as((ip("10.244.1.99"), 1024), gateway)
                .is_err()
        );
    };
    all_is_well();
    let tables = host.sh("nft list tables | sort");
    let others = "table ip mine";
    for meddling in [
        "nft flush ruleset",
        "for t in $(nft list tables | cut -d' ' -f2,3 | tr ' ' /); do nft delete table $(echo $t | tr / ' '); done",
    ] {
        host.sh(&format!("nft add {others} && {meddling}"));
        let begin = Instant::now();
        while host.sh("nft list tables | sort") != tables {
            assert!(begin.elapsed() < SOON, "{}", host.sh("nft list tables"));
        }
        tokio::time::sleep(SOON.saturating_sub(begin.elapsed())).await;
        all_is_well();
    }
    // A part of a table is missed as well: the element of a pod, and a rule.
    for (table, part) in [
        ("bridge navarch", "flush set bridge navarch interfaces"),
        ("inet navarch", "flush chain inet navarch postrouting"),
    ] {
        let before = host.sh(&format!("nft list table {table} | sort"));
        host.sh(&format!("nft {part}"));
        tokio::time::sleep(SOON).await;
        assert_eq!(host.sh(&format!("nft list table {table} | sort")), before);
    }
    // And then there is peace: nobody changes anything any more.
    let events = host.sh("timeout 2 nft monitor || true");
    assert_eq!(events, "");
}

/// A program that lays its tables out otherwise takes over, and one whose table somebody has made something else of.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_another_layout_is_replaced_without_a_packet_let_through() {
    let mut guarded = Guarded::start().await;
    let server = guarded.pod("server", json!({"app": "web"})).await;
    let other = guarded.pod("other", json!({})).await;
    server.answer(8080, "server");
    let spec = json!({"podSelector": {"matchLabels": {"app": "web"}}});
    guarded.policy("web", spec).await;
    let table = guarded
        .cluster
        .node
        .host
        .sh("nft list tables | grep -o 'policies-.*'");
    let table = table.trim().to_owned();
    let (server_ip, other_ip) = (server.ip(), other.ip());
    let ended = Arc::new(AtomicBool::new(false));
    server.answer_udp(8080, "server");
    let before = datagrams(&server);
    // As often as can be: one that comes through is the first of many, for then there is a connection.
    let tries = {
        let (ended, to) = (ended.clone(), SocketAddr::from((server.ip(), 8080)));
        other.spawn(move || {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            let mut tries = 0;
            while !ended.load(Ordering::Relaxed) {
                socket.send_to(b"who", to).unwrap();
                tries += 1;
                thread::park_timeout(Duration::from_micros(20));
            }
            tries
        })
    };
    for (place, isolated) in [
        ("policies", "ipv4_addr"),
        ("policies-00000000", "ipv4_addr"),
        (&table, "inet_proto"),
    ] {
        guarded.stop_policies();
        let drops = |table: &str| {
            format!(
                "add table ip {table}; \
                 add chain ip {table} forward {{ type filter hook forward priority 0; }}; \
                 add rule ip {table} forward ip saddr {other_ip} ip daddr {server_ip} drop"
            )
        };
        let ours = "nft list tables | grep -o 'ip policies.*' | cut -d' ' -f2";
        let placed = drops(place);
        let meanwhile = drops("was");
        guarded.cluster.node.host.sh(&format!(
            "nft '{meanwhile}' && for t in $({ours}); do nft delete table ip $t; done && \
             nft '{placed}; add set ip {place} isolated {{ type {isolated}; }}; delete table ip was'"
        ));
        guarded.start_policies().await;
        guarded.applied().await;
        let tables = guarded
            .cluster
            .node
            .host
            .sh("nft list tables | grep policies");
        assert_eq!(tables.lines().count(), 1, "{tables}");
        assert!(tables.contains(&table), "{tables}");
    }
    ended.store(true, Ordering::Relaxed);
    assert!(tries.join().unwrap() > 1000);
    assert_eq!(datagrams(&server), before);
}
