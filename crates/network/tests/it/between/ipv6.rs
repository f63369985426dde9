//! The same between nodes that have addresses of IPv6 alone.

use crate::cluster::until;
use crate::namespaces::Namespace;

use super::{Hosts, reaches};

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_ipv6_have_the_same_ways() {
    let hosts = Hosts::new().await;
    hosts
        .router
        .sh("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; \
         for n in 1 2; do ip addr add fd01:$n::fe/64 dev seg$n nodad; done");
    let mut nodes = Vec::new();
    for (name, segment, last) in [("a", 1, 1), ("b", 1, 2), ("c", 2, 3)] {
        nodes.push(hosts.host_of_ipv6(name, segment, last).await);
    }
    let mut pods = Vec::new();
    for node in &nodes {
        let pod = node.pod(node.name).await;
        answer_ipv6(&pod.0);
        pods.push(pod);
    }
    for from in &pods {
        for to in &pods {
            until("a pod reaches another", || reaches(from, to)).await;
        }
    }
    let ways = nodes[0].node.host.sh("ip -6 route show proto 110");
    for way in [
        "fd00:10:0:c::/64 via fd01:1::2 dev eth0",
        "fd00:10:0:17::/64 via fd00:10:0:17::1 dev navarch0-vx src fd00:10:0:b::1",
    ] {
        assert!(ways.contains(way), "{ways}");
    }
    let mtu = pods[0].0.sh("ip -o link show eth0");
    assert!(mtu.contains("mtu 1430"), "{mtu}");
    hosts.delete(&nodes[2]).await;
    let left = || nodes[0].node.host.sh("ip -6 route; ip -o link");
    until("c is gone", || {
        !left().contains("fd00:10:0:17:") && !left().contains("-vx")
    })
    .await;
}

/// Tells each client the address that it is seen under.
fn answer_ipv6(pod: &Namespace) {
    use std::io::Write as _;
    let listener = pod.run(|| std::net::TcpListener::bind("[::]:8080").unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let peer = stream.peer_addr().unwrap().ip();
            let _ = stream.write_all(format!("pod {peer}").as_bytes());
        }
    });
}
