//! Pods that make packets of the tunnel themselves.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use crate::cluster::until;
use crate::ip;
use crate::namespaces::Namespace;

use super::{Host, Hosts, reaches};

/// Whatever a host checks of where packets come from, no pod is heard under another address by way of the tunnel: not at a pod of another
/// node, not at one of its own node, and not by way of a service that leads to a node.
#[tokio::test(flavor = "multi_thread")]
async fn pods_send_nothing_through_the_tunnel_themselves() {
    let hosts = Hosts::new().await;
    let a = hosts.host("a", 1, 1).await;
    let c = hosts.host("c", 2, 3).await;
    let (on_a, on_c) = (a.pod("a").await, c.pod("c").await);
    let beside = a.pod("beside").await;
    let (others_of_a, others_of_c) = (container(&a), container(&c));
    on_a.0.answer(8080, "a");
    until("a is reached", || reaches(&on_c, &on_a)).await;
    for host in [&a, &c] {
        host.node
            .host
            .sh("for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done");
    }
    c.node.host.sh(
        "nft 'add table ip service; add chain ip service pre { type nat hook prerouting priority -110; }; \
         add rule ip service pre ip daddr 10.96.0.9 udp dport 53 dnat to 192.168.1.1:4789'",
    );
    let packet = tunnelled(number(&a), on_a.1);
    let attacks: [(&str, &dyn Fn()); 5] = [
        ("from another node", &|| {
            send(&on_c.0, &packet, (ip("192.168.1.1"), 4789));
        }),
        ("through a service", &|| {
            send(&on_c.0, &packet, (ip("10.96.0.9"), 53));
        }),
        ("from its own node", &|| forge(&beside.0, &packet)),
        ("from a container", &|| {
            send(&others_of_c, &packet, (ip("192.168.1.1"), 4789));
        }),
        ("from a container of its own node", &|| {
            forge(&others_of_a, &packet);
        }),
    ];
    for (way, attack) in &attacks {
        let before = heard(&on_a.0);
        attack();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(heard(&on_a.0), before, "{way}");
    }
    // Each would have been heard without the rules, which are back in a moment.
    let ours = "nft 'flush chain inet navarch passed-on; flush chain inet navarch tunnel-to-here; \
                flush chain inet navarch tunnel-as-host; flush set bridge navarch interfaces'";
    for (way, attack) in &attacks {
        let before = heard(&on_a.0);
        until(way, || {
            for host in [&a, &c] {
                host.node.host.sh(ours);
            }
            attack();
            heard(&on_a.0) > before
        })
        .await;
    }
}

/// Somebody else on the host, on a bridge whose packets take its address.
fn container(on: &Host) -> Namespace {
    let container = Namespace::new();
    on.node.host.sh(&format!(
        "ip link add docker0 type bridge && ip addr add 172.17.0.1/24 dev docker0 && ip link set docker0 up && \
         ip link add name docker1 master docker0 up type veth peer name eth0 netns {} && \
         nft 'add table ip docker; add chain ip docker post {{ type nat hook postrouting priority 100; }}; \
         add rule ip docker post ip saddr 172.17.0.0/24 oifname != docker0 masquerade'",
        container.path().display()
    ));
    container.sh("ip addr add 172.17.0.2/24 dev eth0 && ip link set eth0 up && ip route add default via 172.17.0.1");
    container
}

fn number(of: &Host) -> u32 {
    let shown = of.node.host.sh("ip -d -o link show navarch0-vx");
    let number = shown.split("vxlan id ").nth(1).unwrap();
    number.split(' ').next().unwrap().parse().unwrap()
}

/// The echo requests that a pod has got.
pub(super) fn heard(pod: &Namespace) -> u64 {
    let all = pod.sh("cat /proc/net/snmp | grep Icmp: | tail -1 | cut -d' ' -f10");
    all.trim().parse().unwrap()
}

/// What goes through the tunnel to node A: an echo request to its pod, from one that node C does not have.
pub(super) fn tunnelled(number: u32, to: IpAddr) -> Vec<u8> {
    let mut echo = vec![8, 0, 0, 0, 0, 1, 0, 1];
    let sum = checksum(&echo);
    echo[2..4].copy_from_slice(&sum);
    let inner = packet(1, ip("10.244.23.77"), to, &echo);
    let mut all = vec![8, 0, 0, 0];
    all.extend((number << 8).to_be_bytes());
    all.extend([0x0a, 0x58, 0x0a, 0xf4, 0x0b, 0x01]);
    all.extend([0x0a, 0x58, 0x0a, 0xf4, 0x17, 0x01, 0x08, 0x00]);
    all.extend(inner);
    all
}

fn packet(protocol: u8, from: IpAddr, to: IpAddr, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + content.len()).unwrap().to_be_bytes();
    let mut head = vec![
        0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, protocol, 0, 0,
    ];
    for end in [from, to] {
        let IpAddr::V4(end) = end else {
            panic!("{end}")
        };
        head.extend(end.octets());
    }
    let sum = checksum(&head);
    head[10..12].copy_from_slice(&sum);
    head.extend(content);
    head
}

fn checksum(of: &[u8]) -> [u8; 2] {
    let words = of
        .chunks(2)
        .map(|it| u32::from(u16::from_be_bytes([it[0], it[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap();
    (!folded).to_be_bytes()
}

/// As any process can.
pub(super) fn send(from: &Namespace, packet: &[u8], to: (IpAddr, u16)) {
    let packet = packet.to_vec();
    from.run(move || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.send_to(&packet, SocketAddr::from(to)).unwrap();
    });
}

/// As a process with `NET_RAW` can, which containers have: to this pod's own node, as if node C sent it.
fn forge(from: &Namespace, content: &[u8]) {
    use nix::sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket,
    };
    let length = u16::try_from(8 + content.len()).unwrap().to_be_bytes();
    let mut udp = vec![0x15, 0xb3, 0x12, 0xb5, length[0], length[1], 0, 0];
    udp.extend(content);
    let forged = packet(17, ip("192.168.2.3"), ip("192.168.1.1"), &udp);
    from.run(move || {
        let raw = socket(
            AddressFamily::Inet,
            SockType::Raw,
            SockFlag::empty(),
            SockProtocol::Raw,
        );
        let to = SockaddrIn::from(std::net::SocketAddrV4::new(
            Ipv4Addr::new(192, 168, 1, 1),
            0,
        ));
        let raw = raw.unwrap();
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&raw);
        sendto(descriptor, &forged, &to, MsgFlags::empty()).unwrap();
    });
}
