use std::collections::BTreeSet;
use std::net::SocketAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use netlink_packet_wireguard::{
    WireguardAttribute, WireguardCmd, WireguardMessage, WireguardPeer, WireguardPeerAttribute,
    WireguardPeerFlags,
};
use serde_json::{Value, json};

use super::kernel;
use super::peers::{self, Change, Peer, Peers};
use super::told::{self, Told};
use super::{PrivateKey, Provider, PublicKey};

fn key(number: u8) -> PublicKey {
    PublicKey([number; 32])
}

fn peer(endpoint: &str, ranges: &[&str]) -> Peer {
    Peer {
        endpoint: endpoint.parse().unwrap(),
        ranges: ranges.iter().map(|range| range.parse().unwrap()).collect(),
    }
}

#[test]
fn keys_are_written_as_the_tools_of_wireguard_write_them() {
    // By `wg pubkey`.
    let private: PrivateKey = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
        .parse()
        .unwrap();
    let public = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";
    assert_eq!(private.public().to_string(), public);
    assert_eq!(public.parse(), Ok(private.public()));
    assert_eq!(format!("{private:?}"), "PrivateKey");
    for wrong in [
        "",
        "x",
        "AAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
        assert!(wrong.parse::<PrivateKey>().is_err(), "{wrong}");
    }
    let made = PrivateKey::generate().unwrap();
    assert_eq!(made.reveal().parse(), Ok(made.clone()));
    assert_eq!((made.0[0] & 7, made.0[31] >> 6), (0, 1));
    // Made by other means, it is the one that the kernel would say.
    let other: PrivateKey = "/////////////////////////////////////////38="
        .parse()
        .unwrap();
    let any = "//////////////////////////////////////////8=";
    assert_eq!((other.0[0], other.0[31]), (0xf8, 0x7f));
    assert_eq!(any.parse(), Ok(other));
}

#[test]
fn only_what_is_different_is_told() {
    let near = peer("192.168.1.2:51820", &["10.244.1.0/24"]);
    let far = peer("192.168.2.3:51820", &["10.244.2.0/24"]);
    let present: Peers = [(key(1), near.clone()), (key(2), far.clone())].into();
    assert_eq!(peers::change(&present, &present), Change::default());
    let moved = peer("192.168.2.9:51820", &["10.244.2.0/24"]);
    let wanted: Peers = [(key(2), moved.clone()), (key(3), near)].into();
    let change = peers::change(&present, &wanted);
    assert_eq!(change.removed, [key(1)]);
    assert_eq!(change.set.keys().collect::<Vec<_>>(), [&key(3)]);
    assert_eq!(change.moved, [(key(2), moved.endpoint)].into());
    let told = kernel::messages(&change).remove(0);
    assert_eq!(
        told[2].0,
        [
            WireguardPeerAttribute::PublicKey([2; 32]),
            WireguardPeerAttribute::Flags(WireguardPeerFlags::UpdateOnly),
            WireguardPeerAttribute::Endpoint(moved.endpoint),
        ]
    );
    // Other ranges are told whole.
    let wider = peer("192.168.2.3:51820", &["10.244.2.0/24", "fd00::/64"]);
    let wanted: Peers = [(key(2), wider)].into();
    assert_eq!(peers::change(&present, &wanted).set, wanted);
}

/// What the kernel would tell of peers that it was told of.
fn told_back(peers: Vec<WireguardPeer>) -> WireguardMessage {
    WireguardMessage {
        cmd: WireguardCmd::GetDevice,
        attributes: vec![
            WireguardAttribute::PrivateKey([7; 32]),
            WireguardAttribute::ListenPort(51_820),
            WireguardAttribute::Peers(peers),
        ],
    }
}

#[test]
fn what_the_kernel_is_told_it_tells_back() {
    let both = ["10.244.1.0/24", "fd00:10:0:1::/64"];
    let wanted: Peers = (1..=250)
        .map(|number| (key(number), peer("[fd01::2]:51820", &both)))
        .collect();
    let messages = kernel::messages(&peers::change(&Peers::new(), &wanted));
    assert_eq!(
        messages.iter().map(Vec::len).collect::<Vec<_>>(),
        [100, 100, 50]
    );
    let told: Vec<_> = messages.into_iter().map(told_back).collect();
    let present = kernel::present(&told);
    assert_eq!((present.key, present.port), (Some([7; 32]), Some(51_820)));
    assert_eq!(present.peers, wanted);
    // Ranges that are told in more than one message.
    let halves = [&both[..1], &both[1..]].map(|ranges| {
        let half: Peers = [(key(1), peer("[fd01::2]:51820", ranges))].into();
        told_back(kernel::messages(&peers::change(&Peers::new(), &half)).remove(0))
    });
    let ranges: BTreeSet<IpNet> = both.iter().map(|range| range.parse().unwrap()).collect();
    assert_eq!(kernel::present(&halves).peers[&key(1)].ranges, ranges);
}

#[test]
fn what_others_have_told_the_kernel_is_taken_back() {
    let endpoint: SocketAddr = "192.168.1.2:51820".parse().unwrap();
    let strange = |more: WireguardPeerAttribute| {
        let key = WireguardPeerAttribute::PublicKey([1; 32]);
        told_back(vec![WireguardPeer(vec![key, more])])
    };
    let none = WireguardPeerAttribute::PresharedKey([0; 32]);
    for more in [
        none,
        WireguardPeerAttribute::PersistentKeepalive(25),
        WireguardPeerAttribute::PresharedKey([5; 32]),
    ] {
        assert_eq!(kernel::present(&[strange(more)]).strange, [key(1)]);
    }
    let known = strange(WireguardPeerAttribute::Endpoint(endpoint));
    assert_eq!(kernel::present(&[known]).peers[&key(1)].endpoint, endpoint);
    // As the kernel has heard it, on a link and in a flow.
    let heard = std::net::SocketAddrV6::new("fd01::2".parse().unwrap(), 51_820, 7, 2);
    let heard = strange(WireguardPeerAttribute::Endpoint(heard.into()));
    let at = kernel::present(&[heard]).peers[&key(1)].endpoint;
    assert_eq!(at, "[fd01::2]:51820".parse().unwrap());
    let change = Change {
        removed: vec![key(1)],
        ..Change::default()
    };
    let flags = WireguardPeerFlags::RemoveMe | WireguardPeerFlags::UpdateOnly;
    let removal = WireguardPeerAttribute::Flags(flags);
    assert!(kernel::messages(&change)[0][0].contains(&removal));
}

fn node(annotations: &Value) -> Node {
    serde_json::from_value(json!({"metadata": {"name": "n", "annotations": annotations}})).unwrap()
}

#[test]
fn a_node_says_it_once_and_takes_it_back() {
    let told = Told {
        key: key(1),
        port: 51_820.try_into().unwrap(),
    };
    let wanted = Some((told, Provider::Kernel));
    let change = told::change(&node(&json!({"other": "x"})), wanted).unwrap();
    let said = &change["metadata"]["annotations"];
    assert_eq!(Told::of(&node(said)), Some(told));
    assert_eq!(said["navarch.dev/wireguard-provider"], "kernel");
    assert_eq!(told::change(&node(said), wanted), None);
    assert!(told::change(&node(said), Some((told, Provider::Userspace))).is_some());
    let back = told::change(&node(said), None).unwrap();
    let back = back["metadata"]["annotations"].as_object().unwrap();
    assert!(back.len() == 3 && back.values().all(Value::is_null));
    assert_eq!(told::change(&node(&json!({})), None), None);
    for (name, wrong) in [("public-key", "AAAA"), ("port", "0"), ("port", "70000")] {
        let mut said = said.clone();
        said[format!("navarch.dev/wireguard-{name}")] = json!(wrong);
        assert_eq!(Told::of(&node(&said)), None, "{name} {wrong}");
    }
}
