//! Pods that send from what is not theirs. Giving an interface an address, or another hardware address, has it send the same frames as a
//! program that writes them itself (`NET_RAW`).

use std::net::IpAddr;
use std::os::fd::AsRawFd;

use navarch_network::{Config, PodNetwork};
use nix::libc;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, sendto, socket,
};

use crate::namespaces::Namespace;
use crate::rules::outside;
use crate::{TestNode, attach, ip};

const SERVER: u16 = 53;

/// Those of UDP that have come to somebody who listens.
pub fn datagrams(at: &Namespace) -> u64 {
    let all = at.sh("grep Udp: /proc/net/snmp | tail -n 1 | cut -d' ' -f2");
    all.trim().parse().unwrap()
}

#[tokio::test]
async fn what_a_pod_sends_from_anothers_address_goes_nowhere() {
    let node = TestNode::new();
    let outside = outside(&node);
    let network = node.start().await;
    let (pod, own) = attach(&network, "a", vec![]).await;
    let (_other, others) = attach(&network, "b", vec![]).await;
    outside.answer_udp(SERVER, "outside");
    node.host.answer_udp(SERVER, "node");
    let (foreign, anothers) = (ip("10.244.1.99"), others.ips[0]);
    for address in [foreign, anothers] {
        pod.sh(&format!("ip addr add {address}/32 dev eth0"));
    }
    // Whether it arrives: the answer might not find back.
    let heard = |from: IpAddr, port| {
        [(&outside, ip("192.0.2.2")), (&node.host, own.gateway)].map(|(server, to)| {
            let before = datagrams(server);
            let _ = pod.who_udp_as((from, port), (to, SERVER));
            datagrams(server) > before
        })
    };
    assert_eq!(heard(own.ips[0], 1000), [true, true]);
    for address in [foreign, anothers] {
        assert_eq!(heard(address, 1001), [false, false], "{address}");
    }
    // Nor does it go away with the agent that is replaced, and with the pods of one that knew no such thing.
    drop(network);
    let old = "delete table bridge navarch; add table bridge navarch; add chain bridge navarch neighbours";
    node.host.sh(&format!("nft '{old}'"));
    let network = node.start().await;
    assert_eq!(heard(own.ips[0], 1002), [true, true]);
    assert_eq!(heard(foreign, 1003), [false, false]);
    // With the pod, what it was known by goes too.
    network.detach("a").await.unwrap();
    let rules = node.host.sh("nft list table bridge navarch");
    assert!(!rules.contains(&own.host_interface), "{rules}");
    assert!(rules.contains(&others.host_interface), "{rules}");
}

#[tokio::test]
async fn a_pod_says_of_no_other_address_that_it_has_it() {
    let node = TestNode::new();
    let network = node.start().await;
    let (pod, own) = attach(&network, "a", vec![]).await;
    pod.sh("ip addr add 10.244.1.99/32 dev eth0");
    let ask = |address: &str| {
        let ping = format!("busybox ping -c 3 -W 1 {address} || true; ip neigh show {address}");
        node.host.sh(&ping).contains(&own.mac)
    };
    assert!(ask(&own.ips[0].to_string()));
    assert!(!ask("10.244.1.99"));
    // It asks who has an address, and says that it has its own, with its own hardware address and no other.
    pod.sh("ip link set eth0 address 0a:58:0a:f4:01:63");
    node.host.sh("ip neigh flush dev navarch0");
    let said = node.host.sh(&format!(
        "busybox ping -c 3 -W 1 {0} || true; ip neigh show {0}",
        own.ips[0]
    ));
    assert!(!said.contains("0a:58:0a:f4:01:63"), "{said}");
}

pub fn hardware(text: &str) -> Vec<u8> {
    let octets = text.split(':').map(|octet| u8::from_str_radix(octet, 16));
    octets.map(Result::unwrap).collect()
}

pub fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// As a program writes it: what `from` says of its own accord, that a target has its hardware address (ICMPv6's neighbour advertisement).
fn claim(from: (&str, IpAddr), to: (&str, IpAddr), target: IpAddr) -> Vec<u8> {
    let ends = [octets(from.1), octets(to.1)].concat();
    let mut said = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    said.extend(octets(target));
    said.extend([2, 1]);
    said.extend(hardware(from.0));
    let length = u8::try_from(said.len()).unwrap();
    let summed = [&ends[..], &[0, 0, 0, length, 0, 0, 0, 58], &said].concat();
    let words = summed
        .chunks(2)
        .map(|it| u32::from(it[0]) << 8 | u32::from(it[1]));
    let sum: u32 = words.sum();
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    said[2..4].copy_from_slice(&sum.to_be_bytes());
    let head = [0x60, 0, 0, 0, 0, length, 58, 255];
    let kind = [0x86, 0xdd];
    [
        &hardware(to.0)[..],
        &hardware(from.0),
        &kind,
        &head,
        &ends,
        &said,
    ]
    .concat()
}

/// As a program writes it: a question by ARP for the node's address, which says who asks.
pub fn question(from: (&str, IpAddr), to: IpAddr, tag: &[u8]) -> Vec<u8> {
    let hardware = hardware(from.0);
    let mut frame = vec![0xff; 6];
    frame.extend(&hardware);
    frame.extend(tag);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(&hardware);
    frame.extend(octets(from.1));
    frame.extend([0; 6]);
    frame.extend(octets(to));
    frame
}

#[expect(unsafe_code, reason = "nix makes no such address itself")]
pub fn send(pod: &Namespace, frame: Vec<u8>) {
    pod.run(move || {
        let kind = (AddressFamily::Packet, SockType::Raw, SockFlag::empty());
        let socket = socket(kind.0, kind.1, kind.2, None).unwrap();
        let index = nix::net::if_::if_nametoindex("eth0").unwrap();
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET.try_into().unwrap(),
            sll_protocol: 0,
            sll_ifindex: index.try_into().unwrap(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: it is one of that family, and of that length.
        let address = unsafe {
            let length = size_of::<libc::sockaddr_ll>().try_into().unwrap();
            LinkAddr::from_raw((&raw const address).cast(), Some(length)).unwrap()
        };
        sendto(socket.as_raw_fd(), &frame, &address, MsgFlags::empty()).unwrap();
    });
}

#[tokio::test]
async fn who_asks_says_who_it_is_with_a_tag_and_without() {
    let node = TestNode::new();
    let network = node.start().await;
    let (pod, own) = attach(&network, "a", vec![]).await;
    let knows = |address: IpAddr| {
        let shown = node.host.sh(&format!("ip neigh show {address}"));
        shown.contains(&own.mac)
    };
    let (mine, foreign) = (own.ips[0], ip("10.244.1.99"));
    // A priority alone is a tag that the host looks past.
    for tag in [&[][..], &[0x81, 0, 0, 0], &[0x88, 0xa8, 0, 0]] {
        send(&pod, question((&own.mac, foreign), own.gateway, tag));
        assert!(!knows(foreign), "{tag:?}");
    }
    let another = ("0a:58:0a:f4:01:63", mine);
    send(&pod, question(another, own.gateway, &[]));
    assert!(!knows(mine));
    send(&pod, question((&own.mac, mine), own.gateway, &[]));
    assert!(knows(mine));
}

#[tokio::test]
async fn a_pod_without_an_ipv6_address_sends_no_ipv6_but_asks_who_is_there() {
    let node = TestNode::new();
    let network = node.start().await;
    let (pod, _) = attach(&network, "a", vec![]).await;
    node.host.answer_udp(SERVER, "node");
    node.host.sh(
        "ip addr add fd00::1/64 dev navarch0 nodad && ip addr add fe80::1/64 dev navarch0 nodad",
    );
    pod.sh("ip addr add fd00::2/64 dev eth0 nodad");
    let host = ip("fd00::1");
    assert!(
        pod.who_udp_as((ip("fd00::2"), 1000), (host, SERVER))
            .is_err()
    );
    let asked = pod.sh("busybox ping -6 -c 3 -W 1 fe80::1%eth0; echo $?; ip -6 neigh show fe80::1");
    assert!(
        asked.contains("\n1\n") && asked.contains("lladdr 0a:58:0a:f4:01:01"),
        "{asked}"
    );
}

#[tokio::test]
async fn pods_of_an_ipv6_node_send_from_their_own_addresses() {
    let node = TestNode::new();
    let config = Config {
        pod_cidrs: "fd00:0:0:1::/64".parse().unwrap(),
        ..node.config()
    };
    let network = PodNetwork::start(config).await.unwrap();
    let (pod, own) = attach(&network, "a", vec![]).await;
    let foreign = ip("fd00:0:0:1::99");
    pod.sh(&format!("ip addr add {foreign}/128 dev eth0 nodad"));
    node.host.answer_udp(SERVER, "node");
    // An address is used when nobody else on the link has said that it has it.
    let settled = "while ip -6 addr show dev eth0 | grep -q tentative; do sleep 0.1; done";
    pod.sh(settled);
    let to = (own.gateway, SERVER);
    // The first may be lost while its way is looked for.
    let is_answered = |from| (0..10).any(|_| pod.who_udp_as((from, 1000), to).is_ok());
    assert!(is_answered(own.ips[0]));
    assert!(!is_answered(foreign));
    let asked = node.host.sh(&format!(
        "busybox ping -6 -c 1 -W 1 {foreign} || true; ip -6 neigh show {foreign}"
    ));
    assert!(!asked.contains(&own.mac), "{asked}");
    // Nor does it say that it has another's address, from its own.
    let (other, others) = attach(&network, "b", vec![]).await;
    other.answer_udp(SERVER, "other");
    other.sh(settled);
    let ask = || {
        let (from, to) = (([0u16; 8].into(), 1001), (others.ips[0], SERVER));
        (0..10).any(|_| node.host.who_udp_as(from, to).is_ok())
    };
    assert!(ask());
    // What goes with fd00:0:0:1::1.
    let node_mac = "0a:58:00:00:00:01";
    for (target, is_heard) in [(others.ips[0], false), (own.ips[0], true)] {
        let neighbour = || node.host.sh(&format!("ip -6 neigh show {target}"));
        node.host.sh(&format!(
            "ip -6 neigh replace {target} lladdr 0a:58:00:00:00:63 dev navarch0 nud stale"
        ));
        let claim = claim((&own.mac, own.ips[0]), (node_mac, own.gateway), target);
        send(&pod, claim);
        assert_eq!(neighbour().contains(&own.mac), is_heard, "{}", neighbour());
    }
}
