//! Nodes that encrypt what goes between their pods, on a kernel with WireGuard or without.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use k8s_openapi::api::core::v1::{Event, Node};
use navarch_auth::UserInfo;
use navarch_client::{Client, Informer, InformerOptions, ListOptions};
use navarch_network::NodeRoutes;

use crate::cluster::until;
use crate::{attach, ip, namespaces::Namespace};

use super::injected::{heard, send, tunnelled};
use super::ipv6::route_ipv6;
use super::seen::Eye;
use super::{Host, Hosts, encryption};

/// Longer than it takes to send something that would be seen.
const MOMENT: Duration = Duration::from_millis(300);

/// Those that come encrypt.
async fn hosts() -> Hosts {
    let mut hosts = Hosts::new().await;
    route_ipv6(&hosts);
    hosts.encrypted = true;
    hosts
}

/// A host that checks strictly where packets come from, with pods of both families.
async fn host(hosts: &Hosts, name: &'static str, segment: u8, last: u8) -> Host {
    let host = hosts.host_of_both(name, segment, last, true).await;
    host.node.host.sh(
        "for of in all default eth0 navarch0-wg; do f=/proc/sys/net/ipv4/conf/$of/rp_filter; [ ! -e $f ] || echo 1 > $f; done",
    );
    host
}

/// Who encrypts, where that is known of the kernel that this runs on: `kernel` or `userspace`. Else it may be either.
const BY_WHOM: &str = "NAVARCH_TEST_WIREGUARD";

/// By the device itself, whatever the program says of it.
pub(super) fn is_by_whom_it_should(host: &Host) {
    let Ok(whose) = std::env::var(BY_WHOM) else {
        return;
    };
    let kind = match &*whose {
        "kernel" => " wireguard ",
        "userspace" => " tun ",
        other => panic!("{BY_WHOM}={other}"),
    };
    let device = host.node.host.sh("ip -d -o link show navarch0-wg");
    assert!(device.contains(kind), "not by {whose}: {device}");
}

/// A pod that answers, and its addresses.
async fn pod(host: &Host) -> (Namespace, Vec<IpAddr>) {
    let (pod, attachment) = attach(&host.network, host.name, vec![]).await;
    pod.answer_all(8080, "pod");
    (pod, attachment.ips)
}

/// All reach all in both families, under their own addresses.
async fn all_reach_all(pods: &[(Namespace, Vec<IpAddr>)]) {
    for (from, own) in pods {
        for (_, to) in pods {
            for (own, to) in own.iter().zip(to) {
                let reached = || from.seen_as((*to, 8080)).is_ok_and(|seen| seen == *own);
                until("a pod reaches another", reached).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pods_of_different_nodes_say_is_encrypted() {
    let hosts = hosts().await;
    let eye = Eye::at(&hosts.router);
    let a = host(&hosts, "a", 1, 1).await;
    let b = host(&hosts, "b", 1, 2).await;
    let c = host(&hosts, "c", 2, 3).await;
    let pods = [pod(&a).await, pod(&b).await, pod(&c).await];
    let start = Instant::now();
    all_reach_all(&pods).await;
    eprintln!("all pods reach each other after {:?}", start.elapsed());
    let ways = a
        .node
        .host
        .sh("ip route show proto 110; ip -6 route show proto 110");
    for way in [
        "10.244.12.0/24 dev navarch0-wg scope link src 10.244.11.1",
        "10.244.23.0/24 dev navarch0-wg scope link src 10.244.11.1",
        "unreachable 10.244.0.0/16",
        "fd00:10:0:c::/64 dev navarch0-wg src fd00:10:0:b::1",
        "unreachable fd00:10::/48",
    ] {
        assert!(ways.contains(way), "{way} is not in:\n{ways}");
    }
    // The hosts themselves reach pods of the others, from their address among their own.
    let seen = a.node.host.seen_as((pods[1].1[0], 8080)).unwrap();
    assert_eq!(seen, ip("10.244.11.1"));
    // The largest packet goes in one piece, and a larger one in several.
    let pieces = |at: &Namespace| at.sh("awk '/^Ip:/ { n = $20 } END { print n }' /proc/net/snmp");
    let before = pieces(&a.node.host);
    pods[0].0.sh("busybox ping -c1 -W2 -s 1412 10.244.23.2");
    assert_eq!(pieces(&a.node.host), before);
    pods[0].0.sh("busybox ping -c1 -W2 -s 6000 10.244.23.2");
    until("it is seen", || eye.encrypted() > 100).await;
    assert_eq!(eye.clear(), 0);
    // It would have been seen.
    hosts
        .router
        .sh("ip addr add 10.244.99.1/24 dev seg1; busybox ping -c1 -W1 10.244.99.2 || true");
    until("the eye sees what is clear", || eye.clear() > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_in_clear_to_a_node_without_a_key_nor_comes_from_one() {
    let mut hosts = hosts().await;
    let a = host(&hosts, "a", 1, 1).await;
    hosts.encrypted = false;
    let mut b = host(&hosts, "b", 1, 2).await;
    let (on_a, on_b) = (pod(&a).await, pod(&b).await);
    let told = || async {
        let events = hosts
            .client
            .list::<Event>(&ListOptions::default())
            .await
            .unwrap();
        let said = |event: &Event| {
            event
                .message
                .as_ref()
                .is_some_and(|it| it.contains("node b"))
        };
        events.items.iter().filter(|event| said(event)).count()
    };
    let start = Instant::now();
    while told().await == 0 {
        assert!(start.elapsed() < Duration::from_secs(30), "nobody is told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // B knows the way, and A takes its packets for nobody's, whatever the host itself looks at.
    for host in [&a, &b] {
        host.node
            .host
            .sh("for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done");
    }
    until("b sends straight", || {
        b.ways().contains("10.244.11.0/24 via 192.168.1.1")
    })
    .await;
    let ping = |from: &Namespace, to: IpAddr| {
        from.sh(&format!("busybox ping -q -c 3 -i 0.1 -W 1 {to} || true"));
    };
    let eye = Eye::at(&hosts.router);
    let before = heard(&on_a.0);
    ping(&on_b.0, on_a.1[0]);
    assert_eq!(heard(&on_a.0), before, "a has heard what was in clear");
    // What a stranger beside them sends as one of B's pods, straight and in a tunnel.
    let stranger = Namespace::new();
    hosts.plug(&stranger, 1, "192.168.1.66");
    stranger.sh("ip addr add 10.244.12.66/32 dev lo; ip route add 10.244.11.0/24 via 192.168.1.1 src 10.244.12.66");
    ping(&stranger, on_a.1[0]);
    for number in 0..3 {
        send(
            &stranger,
            &tunnelled(number, on_a.1[0]),
            (ip("192.168.1.1"), 4789),
        );
    }
    tokio::time::sleep(MOMENT).await;
    assert_eq!(heard(&on_a.0), before, "a has heard a stranger");
    drop(eye);
    let eye = Eye::at(&hosts.router);
    for to in &on_b.1 {
        ping(&on_a.0, *to);
        ping(&a.node.host, *to);
    }
    tokio::time::sleep(MOMENT).await;
    assert_eq!((eye.clear(), eye.encrypted()), (0, 0));
    // Not even where somebody else knows a way, whose rules do not look at it.
    a.node.host.sh("ip route add 10.244.12.0/24 via 192.168.1.2; ip -6 route add fd00:10:0:c::/64 via fd01:1::2");
    for to in &on_b.1 {
        ping(&on_a.0, *to);
        ping(&a.node.host, *to);
    }
    tokio::time::sleep(MOMENT).await;
    assert_eq!(eye.clear(), 0);
    // Without the guard both would have been.
    let unguarded = |from: &Namespace, to: IpAddr| {
        a.node.host.sh("nft flush table inet navarch_hosts");
        ping(from, to);
    };
    until("what is clear goes out and comes in", || {
        unguarded(&on_a.0, on_b.1[0]);
        unguarded(&stranger, on_a.1[0]);
        heard(&on_a.0) > before && eye.clear() > 0
    })
    .await;
    a.node
        .host
        .sh("ip route del 10.244.12.0/24; ip -6 route del fd00:10:0:c::/64 via fd01:1::2");
    drop(eye);
    // When it has a key it is reached, and nobody has to be started anew for that.
    b.encryption = Some(encryption());
    b.start().await;
    all_reach_all(&[on_a, on_b]).await;
}

/// A host that has just started has pods before it knows of any node.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_out_before_the_nodes_are_known() {
    let mut hosts = hosts().await;
    hosts.encrypted = false;
    let mut a = host(&hosts, "a", 1, 1).await;
    let on_a = pod(&a).await;
    let send = || {
        for to in ["10.244.12.2", "fd00:10:0:c::2"] {
            let line = format!("busybox ping -q -c 2 -i 0.1 -W 1 {to} || true");
            on_a.0.sh(&line);
            a.node.host.sh(&line);
        }
    };
    let eye = Eye::at(&hosts.router);
    send();
    until("it goes to the router in clear", || eye.clear() > 0).await;
    drop(eye);
    let mut config = a.config();
    config.encryption = Some(encryption());
    NodeRoutes::seal(config).await.unwrap();
    let eye = Eye::at(&hosts.router);
    send();
    tokio::time::sleep(MOMENT).await;
    assert_eq!(eye.clear(), 0);
    a.routes = None;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_may_have_another_key_and_its_agent_may_be_replaced() {
    let hosts = hosts().await;
    let mut a = host(&hosts, "a", 1, 1).await;
    let mut b = host(&hosts, "b", 2, 2).await;
    let pods = [pod(&a).await, pod(&b).await];
    all_reach_all(&pods).await;
    let eye = Eye::at(&hosts.router);
    for _ in 0..3 {
        let start = Instant::now();
        a.start().await;
        let (from, to) = (&pods[1], &pods[0]);
        until("the pods reach each other again", || {
            from.0.seen_as((to.1[0], 8080)).is_ok()
        })
        .await;
        let took = start.elapsed();
        eprintln!("reached {took:?} after the agent was replaced");
        // By itself B would find out after a quarter of a minute that A has its keys no more.
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    b.encryption = Some(encryption());
    let start = Instant::now();
    b.start().await;
    all_reach_all(&pods).await;
    eprintln!(
        "all reach all {:?} after the key was replaced",
        start.elapsed()
    );
    // An interface that is taken away is made again.
    a.node.host.sh("ip link del navarch0-wg");
    all_reach_all(&pods).await;
    assert_eq!(eye.clear(), 0);
    // No agent at all, and a node that is gone.
    hosts.delete(&b).await;
    until("the peer is gone", || !a.ways().contains("10.244.22.0/24 ")).await;
    b.routes = None;
    assert!(!reaches_once(&pods[0], &pods[1]));
    assert_eq!(eye.clear(), 0);
    // Nothing changes while nothing is to change.
    let said = || a.node.host.sh("timeout 1 ip monitor link address || true");
    until("nothing changes", || said().trim().is_empty()).await;
}

fn reaches_once(from: &(Namespace, Vec<IpAddr>), to: &(Namespace, Vec<IpAddr>)) -> bool {
    from.0.seen_as((to.1[0], 8080)).is_ok()
}

/// As after a host's start while the API is away: nothing is there but what was kept.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_there_were_are_reached_before_the_api_is_heard() {
    let hosts = hosts().await;
    let mut a = host(&hosts, "a", 1, 1).await;
    let b = host(&hosts, "b", 1, 2).await;
    let pods = [pod(&a).await, pod(&b).await];
    let directory = tempfile::tempdir().unwrap();
    let mut config = a.config();
    config.kept = Some(directory.path().join("nodes"));
    a.routes = None;
    let nodes = Informer::start(a.client.clone(), InformerOptions::default());
    let routes = NodeRoutes::start(config.clone(), nodes, a.own.clone()).await;
    let routes = routes.unwrap();
    routes.applied().await;
    let kept = || std::fs::read_to_string(config.kept.as_ref().unwrap()).unwrap_or_default();
    until("b is kept", || kept().contains("10.244.12.0/24")).await;
    drop(routes);
    let gone = "ip link del navarch0-wg; nft delete table inet navarch_hosts";
    a.node.host.sh(gone);
    assert!(!reaches_once(&pods[0], &pods[1]));
    // Who may list nothing hears nothing.
    let nobody = UserInfo::authenticated("nobody", []);
    let nobody = Client::new(hosts.server.as_user(nobody));
    let start = |config| {
        let nodes = Informer::start(nobody.clone(), InformerOptions::default());
        NodeRoutes::start(config, nodes, a.own.clone())
    };
    let routes = start(config.clone()).await.unwrap();
    all_reach_all(&pods).await;
    let is_guarded = || {
        let tables = a.node.host.sh("nft list tables");
        tables.contains("navarch_hosts")
    };
    a.node.host.sh("nft delete table inet navarch_hosts");
    until("the guard is there again", is_guarded).await;
    drop(routes);
    // Without the file there is the guard alone.
    a.node.host.sh(gone);
    config.kept = None;
    let _routes = start(config).await.unwrap();
    until("the guard is there", is_guarded).await;
    assert!(!reaches_once(&pods[0], &pods[1]));
}

/// Who binds another address of the host, and whom the host routes, is heard by other nodes.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_reaches_pods_from_any_of_its_addresses() {
    let hosts = hosts().await;
    let a = host(&hosts, "a", 1, 1).await;
    let b = host(&hosts, "b", 1, 2).await;
    let pods = [pod(&a).await, pod(&b).await];
    all_reach_all(&pods).await;
    let to = pods[1].1[0];
    a.node
        .host
        .sh(&format!("busybox ping -c1 -W2 -I 192.168.1.1 {to}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_ipv6_encrypt_too() {
    let hosts = hosts().await;
    let eye = Eye::at(&hosts.router);
    let a = hosts.host_of_ipv6("a", 1, 1).await;
    let b = hosts.host_of_ipv6("b", 2, 2).await;
    let pods = [pod(&a).await, pod(&b).await];
    all_reach_all(&pods).await;
    let mtu = pods[0].0.sh("ip -o link show eth0");
    assert!(mtu.contains("mtu 1420"), "{mtu}");
    let line = format!("busybox ping -c1 -W2 -s 1372 {}", pods[1].1[0]);
    pods[0].0.sh(&line);
    until("it is seen", || eye.encrypted() > 10).await;
    assert_eq!(eye.clear(), 0);
}

/// A device of this program's is taken over by it, or goes, where the kernel has learnt to make one.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_there_is_taken_over() {
    let hosts = hosts().await;
    let mut a = host(&hosts, "a", 1, 1).await;
    let b = host(&hosts, "b", 1, 2).await;
    let pods = [pod(&a).await, pod(&b).await];
    a.routes = None;
    let replaced = "ip link del navarch0-wg && ip tuntap add navarch0-wg mode tun";
    let is_free = || {
        let link = a.node.host.sh("ip -d -o link show navarch0-wg");
        link.contains("wireguard") || link.contains("NO-CARRIER")
    };
    until("nobody has the device any more", is_free).await;
    a.node.host.sh(replaced);
    a.start().await;
    all_reach_all(&pods).await;
    let node = hosts.client.get::<Node>(None, "a").await.unwrap();
    let annotations = node.metadata.annotations.clone().unwrap();
    let is_kernel = annotations["navarch.dev/wireguard-provider"] == "kernel";
    let links = a.node.host.sh("ip -d -o link");
    assert_eq!(links.contains(" wireguard "), is_kernel, "{links}");
    assert!(!links.contains("-try"), "{links}");
    // What has the name and is none is nobody's to take.
    a.routes = None;
    a.node
        .host
        .sh("ip link del navarch0-wg && ip link add navarch0-wg type bridge");
    a.encryption = None;
    a.start().await;
    a.node.host.sh("ip link show navarch0-wg");
}

/// Not even one that has all the keys: what it sends comes from its own pods, or is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn no_node_speaks_for_another_s_pods() {
    let hosts = hosts().await;
    let a = host(&hosts, "a", 1, 1).await;
    let b = host(&hosts, "b", 1, 2).await;
    let pods = [pod(&a).await, pod(&b).await];
    all_reach_all(&pods).await;
    a.node
        .host
        .sh("for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done");
    // It does not have its packets come from its own address, as those of ours do.
    b.node.host.sh(
        "ip addr add 10.244.33.66/32 dev lo; nft 'table ip own { chain out { type filter hook output priority -300; ip saddr 10.244.33.66 notrack; }; }'",
    );
    let before = heard(&pods[0].0);
    for (from, is_heard) in [("10.244.33.66", false), ("10.244.12.1", true)] {
        let to = pods[0].1[0];
        b.node.host.sh(&format!(
            "busybox ping -q -c 3 -i 0.1 -W 1 -I {from} {to} || true"
        ));
        assert_eq!(heard(&pods[0].0) > before, is_heard, "{from}");
    }
}

/// Whoever knows a node's key, which all can, may ask it to agree on another as often as he likes. Each time costs it something.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_asks_for_keys_all_the_time_keeps_no_node_away() {
    let hosts = hosts().await;
    let a = host(&hosts, "a", 1, 1).await;
    let mut b = host(&hosts, "b", 1, 2).await;
    let pods = [pod(&a).await, pod(&b).await];
    all_reach_all(&pods).await;
    let stranger = Namespace::new();
    hosts.plug(&stranger, 1, "192.168.1.66");
    let key = a.encryption.as_ref().unwrap().key.public().to_string();
    let (over, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (is_over, count) = (over.clone(), asked.clone());
    let asking = stranger.spawn(move || {
        let key: [u8; 32] = STANDARD.decode(key).unwrap().try_into().unwrap();
        let (own, its) = (StaticSecret::from([9; 32]), PublicKey::from(key));
        let mut tunn = Tunn::new(own, its, None, None, 1, None);
        let (socket, mut buffer) = (UdpSocket::bind("0.0.0.0:0").unwrap(), [0; 256]);
        while !is_over.load(Ordering::Relaxed) {
            let TunnResult::WriteToNetwork(packet) =
                tunn.format_handshake_initiation(&mut buffer, true)
            else {
                panic!("no message");
            };
            let _ = socket.send_to(packet, "192.168.1.1:51820");
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    until("it is under way", || asked.load(Ordering::Relaxed) > 300).await;
    all_reach_all(&pods).await;
    let start = Instant::now();
    b.encryption = Some(encryption());
    b.start().await;
    all_reach_all(&pods).await;
    let (took, asked) = (start.elapsed(), asked.load(Ordering::Relaxed));
    over.store(true, Ordering::Relaxed);
    asking.join().unwrap();
    eprintln!("all reach all {took:?} after another key, while somebody asked {asked} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_can_be_turned_off_and_all_of_it_removed() {
    let hosts = hosts().await;
    let mut a = host(&hosts, "a", 1, 1).await;
    let mut b = host(&hosts, "b", 1, 2).await;
    let pods = [pod(&a).await, pod(&b).await];
    all_reach_all(&pods).await;
    let annotations = |node: &'static str| {
        let client = hosts.client.clone();
        async move {
            let node = client.get::<Node>(None, node).await.unwrap();
            node.metadata.annotations.clone().unwrap_or_default()
        }
    };
    let said = annotations("a").await;
    let key = a.encryption.as_ref().unwrap().key.public().to_string();
    assert_eq!(said["navarch.dev/wireguard-public-key"], key);
    assert_eq!(said["navarch.dev/wireguard-port"], "51820");
    let provider = &*said["navarch.dev/wireguard-provider"];
    assert!(["kernel", "userspace"].contains(&provider), "{provider}");
    let encryption = (a.encryption.take(), b.encryption.take());
    a.start().await;
    b.start().await;
    assert!(annotations("a").await.is_empty());
    all_reach_all(&pods).await;
    let left = a
        .node
        .host
        .sh("ip -o link; ip route; ip -6 route; nft list tables");
    for gone in [
        "-wg",
        "unreachable 10.244",
        "unreachable fd00:10::/48",
        "_hosts",
    ] {
        assert!(!left.contains(gone), "{gone} is in:\n{left}");
    }
    (a.encryption, b.encryption) = encryption;
    a.start().await;
    b.start().await;
    all_reach_all(&pods).await;
    // As `navarch down` does, which knows nothing of it but names.
    a.routes = None;
    let mut config = a.config();
    config.encryption = None;
    for _ in 0..2 {
        NodeRoutes::remove_everything(config.clone()).await.unwrap();
    }
    let left = a
        .node
        .host
        .sh("ip -o link; ip route; ip -6 route; nft list tables");
    for gone in ["-wg", "10.244.12.0", "unreachable 10.244", "_hosts"] {
        assert!(!left.contains(gone), "{gone} is in:\n{left}");
    }
}
