//! Frames as a program writes them that may (`NET_RAW`), to hardware addresses that its pod has nothing to do with.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use navarch_network::{Attachment, Config, PodNetwork};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, recv, setsockopt, socket};
use nix::sys::time::TimeVal;

use crate::cluster::until;
use crate::namespaces::Namespace;
use crate::sources::{datagrams, hardware, octets, question, send};
use crate::{TestNode, attach, ip};

const SERVER: u16 = 53;
/// What the kernel has the port of a bridge itself receive: of LACP, of 802.1X, of LLDP.
const OF_THE_BRIDGE: [&str; 3] = [
    "01:80:c2:00:00:02",
    "01:80:c2:00:00:03",
    "01:80:c2:00:00:0e",
];

/// A datagram for a server.
fn datagram(from: (&str, IpAddr), to: (&str, IpAddr)) -> Vec<u8> {
    let mut udp = vec![4, 0, 0, 53, 0, 12, 0, 0];
    udp.extend(b"who?");
    packet(17, from, to, &udp, 6)
}

/// A packet of a protocol that has its sum at a place.
fn packet(
    protocol: u8,
    from: (&str, IpAddr),
    to: (&str, IpAddr),
    content: &[u8],
    sum_at: usize,
) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let ends = [octets(from.1), octets(to.1)].concat();
    let mut content = content.to_vec();
    let summed = sum(&[&ends[..], &[0, protocol, 0, length], &content].concat());
    content[sum_at..sum_at + 2].copy_from_slice(&summed);
    let (kind, head) = match from.1.is_ipv4() {
        true => {
            let mut head = vec![0x45, 0, 0, 20 + length, 0, 1, 0, 0, 64, protocol, 0, 0];
            head.extend(&ends);
            let summed = sum(&head);
            head[10..12].copy_from_slice(&summed);
            ([8, 0], head)
        }
        false => {
            let head = vec![0x60, 0, 0, 0, 0, length, protocol, 255];
            ([0x86, 0xdd], [head, ends].concat())
        }
    };
    [
        &hardware(to.0)[..],
        &hardware(from.0),
        &kind,
        &head,
        &content,
    ]
    .concat()
}

fn sum(of: &[u8]) -> [u8; 2] {
    let words = of
        .chunks(2)
        .map(|it| u32::from(it[0]) << 8 | u32::from(it[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (!u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap()).to_be_bytes()
}

/// What a router says of itself to all.
fn advertisement(from: (&str, IpAddr), to: &str) -> Vec<u8> {
    let said = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    packet(58, from, (to, ip("ff02::1")), &said, 2)
}

fn link_address(of: &Namespace) -> IpAddr {
    let shown = of.sh("ip -6 -o addr show dev eth0 scope link");
    let address = shown.split("inet6 ").nth(1).unwrap();
    ip(address.split('/').next().unwrap())
}

#[tokio::test]
async fn what_is_for_the_neighbouring_bridge_alone_is_heard_by_nobody() {
    let node = TestNode::new();
    let network = node.start().await;
    let (pod, own) = attach(&network, "a", vec![]).await;
    let (other, others) = attach(&network, "b", vec![]).await;
    // As Debian has it; and it has an address of IPv6 to be asked at.
    node.host.sh("for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done; ip link set lo up; ip addr add fd99::1/128 dev lo; ip addr add 192.0.2.1/32 dev lo");
    node.host.answer_udp(SERVER, "node");
    let known = || {
        let shown = node.host.sh("bridge fdb show br navarch0");
        let of_other = shown.lines().filter(|line| line.contains(&others.mac));
        of_other.collect::<String>()
    };
    let heard = || (datagrams(&node.host), datagrams6(&node.host));
    let is_believed = || node.host.sh("ip -6 route").contains("proto ra");
    other.sh(&format!("busybox ping -c 1 -W 1 {}", own.gateway));
    let (before, known_before) = (heard(), known());
    assert!(
        known_before.contains(&others.host_interface),
        "{known_before}"
    );
    let router = ("0a:58:0a:f4:01:02", link_address(&pod));
    let sends = |to| {
        // As a node that sends through the tunnel would, or a server of names that answers.
        for (from, at) in [("192.0.2.2", "192.0.2.1"), ("fd99::2", "fd99::1")] {
            send(&pod, datagram((&own.mac, ip(from)), (to, ip(at))));
        }
        send(&pod, advertisement(router, to));
        send(&pod, datagram((&others.mac, own.ips[0]), (to, own.gateway)));
    };
    OF_THE_BRIDGE.into_iter().for_each(sends);
    node.host.sh("sleep 0.2");
    assert_eq!((heard(), known()), (before, known_before.clone()));
    assert!(!is_believed());
    // Nor do the ports have anything to be heard at, and whom they know is not asked of them.
    let ports = node.host.sh("ip -6 addr show; ip neigh");
    assert!(!ports.contains(&own.host_interface), "{ports}");
    // Without either it would have been.
    drop(network);
    let port = &own.host_interface;
    node.host.sh(&format!(
        "nft flush chain inet navarch received; ip link set navarch0 type bridge no_linklocal_learn 0; \
         echo 0 > /proc/sys/net/ipv6/conf/{port}/disable_ipv6"
    ));
    for to in OF_THE_BRIDGE {
        let begun = heard();
        until("all of it is heard", || {
            sends(to);
            let (now, known) = (heard(), known());
            let is_moved = known != known_before;
            now.0 > begun.0 && now.1 > begun.1 && is_moved && is_believed()
        })
        .await;
        node.host.sh("ip -6 route flush proto ra");
    }
}

/// To such a frame no table of rules listens, so that the bridge itself must not: with all rules in place it would learn by it where its neighbour is.
#[tokio::test]
async fn the_bridge_learns_nothing_of_what_is_for_its_neighbour_alone() {
    let node = TestNode::new();
    let network = node.start().await;
    let (pod, own) = attach(&network, "a", vec![]).await;
    let (other, others) = attach(&network, "b", vec![]).await;
    node.host.sh("ip link set lo up");
    let known = || {
        let shown = node.host.sh("bridge fdb show br navarch0");
        let of_other = shown.lines().filter(|line| line.contains(&others.mac));
        of_other.collect::<String>()
    };
    other.sh(&format!("busybox ping -c 3 -W 1 {}", own.gateway));
    let before = known();
    assert!(before.contains(&others.host_interface), "{before}");
    let known_then = || {
        for to in OF_THE_BRIDGE {
            send(&pod, datagram((&others.mac, own.ips[0]), (to, own.gateway)));
        }
        node.host.sh("sleep 0.1");
        known()
    };
    assert_eq!(known_then(), before);
    drop(network);
    node.host
        .sh("ip link set navarch0 type bridge no_linklocal_learn 0");
    until("it has moved", || known_then() != before).await;
}

/// Nor do rules listen to questions by ARP in such frames: the port itself, which the kernel has receive them, must not.
#[tokio::test]
async fn a_port_answers_no_question_and_knows_nobody() {
    let node = TestNode::new();
    let network = node.start().await;
    let (pod, own) = attach(&network, "a", vec![]).await;
    node.host
        .sh("for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done");
    let port = &own.host_interface;
    let known = || {
        for to in OF_THE_BRIDGE {
            let mut asked = question((&own.mac, own.ips[0]), own.gateway, &[]);
            asked[..6].copy_from_slice(&hardware(to));
            send(&pod, asked);
        }
        node.host
            .sh(&format!("sleep 0.1; ip neigh show dev {port}"))
    };
    assert_eq!(known(), "");
    drop(network);
    node.host.sh(&format!("ip link set {port} arp on"));
    until("the port knows who asks", || known().contains(&own.mac)).await;
}

async fn of_both_families(node: &TestNode) -> PodNetwork {
    let config = Config {
        pod_cidrs: "10.244.1.0/24,fd00:0:0:1::/64".parse().unwrap(),
        ..node.config()
    };
    PodNetwork::start(config).await.unwrap()
}

/// No policy knows a pod by such an address, whichever end has it.
#[tokio::test]
async fn pods_do_not_reach_each_other_by_addresses_of_their_link() {
    let node = TestNode::new();
    let network = of_both_families(&node).await;
    let (pod, own) = attach(&network, "a", vec![]).await;
    let (other, others) = attach(&network, "b", vec![]).await;
    other.answer_udp(SERVER, "b");
    let heard = |from, to| {
        let before = datagrams6(&other);
        for _ in 0..10 {
            send(&pod, datagram((&own.mac, from), ("0a:58:0a:f4:01:01", to)));
            node.host.sh("sleep 0.03");
        }
        datagrams6(&other) > before
    };
    let (own_link, others_link) = (link_address(&pod), link_address(&other));
    assert!(heard(own.ips[1], others.ips[1]));
    let pairs = [
        (own_link, others.ips[1]),
        (own.ips[1], others_link),
        (own_link, others_link),
    ];
    for (from, to) in pairs {
        assert!(!heard(from, to), "{from} {to}");
    }
    // Nor where the bridge's rules are not, which some kernels have none of.
    drop(network);
    node.host.sh("nft flush chain bridge navarch neighbours");
    for (from, to) in pairs {
        assert!(!heard(from, to), "{from} {to}");
    }
    node.host.sh("nft flush chain inet navarch passed-on");
    for (from, to) in pairs {
        assert!(heard(from, to), "{from} {to}");
    }
}

fn datagrams6(at: &Namespace) -> u64 {
    let all = at.sh("grep Udp6InDatagrams /proc/net/snmp6 | tr -s '\t ' ' ' | cut -d' ' -f2");
    all.trim().parse().unwrap()
}

/// Whether a pod gets any frame from a hardware address when somebody sends.
fn gets(pod: &Namespace, from: &str, sends: impl FnOnce()) -> bool {
    let listener = pod.run(|| {
        let all = (AddressFamily::Packet, SockType::Raw, SockProtocol::EthAll);
        let listener = socket(all.0, all.1, SockFlag::empty(), all.2).unwrap();
        let wait = nix::sys::socket::sockopt::ReceiveTimeout;
        setsockopt(&listener, wait, &TimeVal::new(0, 50_000)).unwrap();
        listener
    });
    sends();
    let (from, begin) = (hardware(from), Instant::now());
    let mut frame = [0; 2048];
    while begin.elapsed() < Duration::from_millis(200) {
        let got = recv(
            std::os::fd::AsRawFd::as_raw_fd(&listener),
            &mut frame,
            nix::sys::socket::MsgFlags::empty(),
        );
        if got.is_ok_and(|length| length >= 12) && frame[6..12] == from {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn no_frame_goes_from_pod_to_pod() {
    let node = TestNode::new();
    let network = of_both_families(&node).await;
    let (pod, own) = attach(&network, "a", vec![]).await;
    let (other, others) = attach(&network, "b", vec![]).await;
    let frames = frames(&own, &others);
    for (what, frame) in &frames {
        assert!(
            !gets(&other, &own.mac, || send(&pod, frame.clone())),
            "{what}"
        );
    }
    // Each would have been got without the rules.
    drop(network);
    node.host
        .sh("nft 'flush chain bridge navarch neighbours; flush chain bridge navarch between'");
    for (what, frame) in &frames {
        assert!(
            gets(&other, &own.mac, || send(&pod, frame.clone())),
            "{what}"
        );
    }
}

fn frames(own: &Attachment, others: &Attachment) -> Vec<(&'static str, Vec<u8>)> {
    let everybody = "ff:ff:ff:ff:ff:ff";
    let (from, to) = ((own.mac.as_str(), own.ips[0]), others.ips[0]);
    let raw = |to: &str, kind: [u8; 2]| {
        [&hardware(to)[..], &hardware(&own.mac), &kind, &[0; 46]].concat()
    };
    let mut solicitation = vec![135, 0, 0, 0, 0, 0, 0, 0];
    solicitation.extend(octets(others.ips[1]));
    let asked = ("33:33:ff:00:00:03", ip("ff02::1:ff00:3"));
    vec![
        ("to its neighbour", datagram(from, (&others.mac, to))),
        ("to nobody", datagram(from, ("02:00:00:00:00:99", to))),
        ("to all", datagram(from, (everybody, ip("255.255.255.255")))),
        ("of another protocol to all", raw(everybody, [0x99, 0x99])),
        (
            "of another protocol to its neighbour",
            raw(&others.mac, [0x99, 0x99]),
        ),
        ("of a spanning tree", raw("01:80:c2:00:00:00", [0, 0x40])),
        ("a question to all", question(from, others.gateway, &[])),
        (
            "a question to all in IPv6",
            packet(58, (&own.mac, own.ips[1]), asked, &solicitation, 2),
        ),
    ]
}
