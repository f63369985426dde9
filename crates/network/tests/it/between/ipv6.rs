//! The same between nodes that have addresses of IPv6, alone or beside those of IPv4.

use crate::cluster::until;

use super::{Hosts, reaches};
use crate::attach;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_ipv6_have_the_same_ways() {
    let hosts = Hosts::new().await;
    route_ipv6(&hosts);
    let mut nodes = Vec::new();
    for (name, segment, last) in [("a", 1, 1), ("b", 1, 2), ("c", 2, 3)] {
        nodes.push(hosts.host_of_ipv6(name, segment, last).await);
    }
    let mut pods = Vec::new();
    for node in &nodes {
        let pod = node.pod(node.name).await;
        pod.0.answer_all(8080, "pod");
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

pub(super) fn route_ipv6(hosts: &Hosts) {
    hosts
        .router
        .sh("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; \
         for n in 1 2; do ip addr add fd01:$n::fe/64 dev seg$n nodad; done");
}

/// Two on one segment, of which each has addresses of both families, and one behind a router that has IPv4 alone, as many have.
#[tokio::test(flavor = "multi_thread")]
async fn pods_of_both_families_reach_each_other_in_both() {
    let hosts = Hosts::new().await;
    route_ipv6(&hosts);
    let a = hosts.host_of_both("a", 1, 1, true).await;
    let b = hosts.host_of_both("b", 1, 2, true).await;
    let c = hosts.host_of_both("c", 2, 3, false).await;
    let mut pods = Vec::new();
    for node in [&a, &b, &c] {
        let (pod, attachment) = attach(&node.network, node.name, vec![]).await;
        pod.answer_all(8080, "pod");
        pods.push((pod, attachment.ips));
    }
    for (from, own) in &pods {
        for (_, to) in &pods {
            for (own, to) in own.iter().zip(to) {
                let reached = || from.seen_as((*to, 8080)).is_ok_and(|seen| seen == *own);
                until("a pod reaches another", reached).await;
            }
        }
    }
    let ways = a
        .node
        .host
        .sh("ip route show proto 110; ip -6 route show proto 110");
    for way in [
        "10.244.12.0/24 via 192.168.1.2 dev eth0",
        "10.244.23.0/24 via 10.244.23.1 dev navarch0-vx src 10.244.11.1 onlink",
        "fd00:10:0:c::/64 via fd01:1::2 dev eth0",
        "fd00:10:0:17::/64 via fd00:10:0:17::1 dev navarch0-vx src fd00:10:0:b::1",
    ] {
        assert!(ways.contains(way), "{ways}");
    }
    hosts.delete(&c).await;
    let left = || a.node.host.sh("ip -6 route; ip route; ip -o link");
    until("c is gone", || {
        let left = left();
        !left.contains("fd00:10:0:17:") && !left.contains("10.244.23.") && !left.contains("-vx")
    })
    .await;
}
