//! What has been done to the networks of other clusters, done here.

use std::time::Duration;

use crate::cluster::until;
use crate::{TestNode, attach, ip, namespaces::Namespace};

use super::{Hosts, reaches};

/// A pod that says it is a router of IPv6 is believed by nobody: not by its neighbours, not by the host.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2020_10749_a_pod_cannot_pose_as_a_router() {
    let node = TestNode::new();
    let network = node.start().await;
    let (rogue, _) = attach(&network, "rogue", vec![]).await;
    let (victim, _) = attach(&network, "victim", vec![]).await;
    // Their addresses of this interface must be known to be nobody else's first.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for _ in 0..3 {
        advertise(&rogue);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let believed = |of: &Namespace| {
        of.sh("ip -6 route; ip -6 addr").contains("proto ra")
            || of.sh("ip -6 addr").contains("2001:db8:bad:")
    };
    assert!(!believed(&victim), "{}", victim.sh("ip -6 route"));
    assert!(!believed(&node.host), "{}", node.host.sh("ip -6 route"));
    // It would have been, had they listened, and had it come to them past the node, while nobody puts its rules back.
    drop(network);
    let table = node.config().table;
    // Where bridges are filtered, what goes along one is passed on for pods as well.
    node.host.sh(&format!(
        "nft 'flush chain bridge {table} neighbours; flush chain inet {table} passed-on'"
    ));
    victim.sh("echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_ra");
    until("an advertisement is believed", || {
        advertise(&rogue);
        believed(&victim)
    })
    .await;
}

/// Sends a router's advertisement to all on the link: of a default route for half an hour, and of a prefix to take addresses in.
fn advertise(from: &Namespace) {
    from.run(|| {
        use std::net::{Ipv6Addr, SocketAddrV6};
        let index = nix::net::if_::if_nametoindex("eth0").unwrap();
        let socket = nix::sys::socket::socket(
            nix::sys::socket::AddressFamily::Inet6,
            nix::sys::socket::SockType::Raw,
            nix::sys::socket::SockFlag::empty(),
            nix::sys::socket::SockProtocol::IcmpV6,
        )
        .unwrap();
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::Ipv6MulticastHops, &255)
            .unwrap();
        let mut packet = vec![134, 0, 0, 0, 64, 0, 0x07, 0x08];
        packet.extend([0; 8]);
        packet.extend([
            3, 4, 64, 0xc0, 0, 0, 0x07, 0x08, 0, 0, 0x07, 0x08, 0, 0, 0, 0,
        ]);
        let prefix: Ipv6Addr = "2001:db8:bad::".parse().unwrap();
        packet.extend(prefix.octets());
        let all = SocketAddrV6::new("ff02::1".parse().unwrap(), 0, 0, index);
        let all = nix::sys::socket::SockaddrIn6::from(all);
        // Its own address may not be ready yet.
        let _ = nix::sys::socket::sendto(
            std::os::fd::AsRawFd::as_raw_fd(&socket),
            &packet,
            &all,
            nix::sys::socket::MsgFlags::empty(),
        );
    });
}

/// What listens on a node's loopback address is for the node alone, also where something else has let packets to that address in.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2020_8558_nobody_on_the_segment_reaches_a_nodes_loopback_address() {
    let hosts = Hosts::new().await;
    let a = hosts.host("a", 1, 1).await;
    let (pod, _) = a.pod("a").await;
    let attacker = Namespace::new();
    hosts.plug(&attacker, 1, "192.168.1.66");
    a.node.host.answer(7000, "private");
    a.node
        .host
        .sh("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter");
    for (from, way) in [
        (&attacker, "192.168.1.1 dev eth0"),
        (&pod, "10.244.11.1 dev eth0"),
    ] {
        assert_eq!(from.who((ip("192.168.1.1"), 7000)).unwrap(), "private");
        from.sh("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet");
        from.sh("ip addr del 127.0.0.1/8 dev lo");
        from.sh(&format!("ip route add 127.0.0.1/32 via {way}"));
        from.who((ip("127.0.0.1"), 7000)).unwrap_err();
    }
    // It would have been reached without the rule.
    a.node.host.sh("nft flush chain inet navarch loopback");
    for from in [&attacker, &pod] {
        assert_eq!(from.who((ip("127.0.0.1"), 7000)).unwrap(), "private");
    }
    let of_eth0 = a
        .node
        .host
        .sh("cat /proc/sys/net/ipv4/conf/eth0/route_localnet");
    assert_eq!(of_eth0.trim(), "0", "not by us");
}

/// Whoever sends VXLAN packets with the cluster's number to a node is not heard, unless it is one.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_node_sends_through_the_tunnel() {
    let hosts = Hosts::new().await;
    let a = hosts.host("a", 1, 1).await;
    let c = hosts.host("c", 2, 3).await;
    let (on_a, on_c) = (a.pod("a").await, c.pod("c").await);
    on_a.0.answer(8080, "a");
    until("a is reached", || reaches(&on_c, &on_a)).await;
    // An attacker beside node C does as C does, and says to be one of its pods. It hears the answers if A is told of it.
    let attacker = Namespace::new();
    hosts.plug(&attacker, 2, "192.168.2.66");
    let shown = c.node.host.sh("ip -d -o link show navarch0-vx");
    let number = shown.split("vxlan id ").nth(1).unwrap();
    let number = number.split(' ').next().unwrap();
    attacker.sh(&format!(
        "ip link add vx type vxlan id {number} dstport 4789 nolearning local 192.168.2.66 && ip link set vx address 0a:58:0a:f4:17:01 up && \
         ip addr add 10.244.23.66/32 dev vx && ip route add 10.244.11.0/24 via 10.244.11.1 dev vx onlink src 10.244.23.66 && \
         ip neigh add 10.244.11.1 lladdr 0a:58:0a:f4:0b:01 dev vx nud permanent && bridge fdb add 0a:58:0a:f4:0b:01 dev vx dst 192.168.1.1 self permanent"
    ));
    let heard = || {
        on_a.0
            .sh("cat /proc/net/snmp | grep Icmp: | tail -1 | cut -d' ' -f10")
            .trim()
            .parse::<u64>()
            .unwrap()
    };
    let before = heard();
    let ping = || attacker.sh(&format!("busybox ping -c 3 -i 0.1 -W 1 {} || true", on_a.1));
    ping();
    assert_eq!(heard(), before, "the pod has heard a stranger");
    // It would have been heard, had nobody looked who it is.
    a.node.host.sh("nft flush table inet navarch_hosts");
    ping();
    assert!(heard() > before, "the attack does not work anyway");
}
