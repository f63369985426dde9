//! The kernel's device: what it is told, compared with what it says of itself. Roaming cannot be turned off there, so where a peer has been
//! heard from elsewhere, it is put back to where its object says.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use netlink_packet_wireguard::{
    WireguardAddressFamily, WireguardAllowedIp, WireguardAllowedIpAttr, WireguardAttribute,
    WireguardCmd, WireguardMessage, WireguardPeer, WireguardPeerAttribute, WireguardPeerFlags,
};

use super::generic::Generic;
use super::peers::{self, Change, Peer, Peers};
use super::{PrivateKey, PublicKey};

/// How many peers are told in one message: an attribute holds 64 KiB, which some 400 of them fill.
const PIECE: usize = 100;

/// What a device says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) key: Option<[u8; super::keys::LENGTH]>,
    pub(super) port: Option<u16>,
    pub(super) peers: Peers,
    /// Those that have no address, or something else that nobody here gave them.
    pub(super) strange: Vec<PublicKey>,
}

/// Has the device of this name have this key, port and these peers. What is right is left, with its sessions.
pub(super) fn configure(
    generic: &mut Generic,
    device: &str,
    key: &PrivateKey,
    port: u16,
    wanted: &Peers,
) -> io::Result<()> {
    let present = present(&generic.get(about(device, WireguardCmd::GetDevice, Vec::new()))?);
    if present.key != Some(key.0) || present.port != Some(port) {
        let own = vec![
            WireguardAttribute::PrivateKey(key.0),
            WireguardAttribute::ListenPort(port),
        ];
        generic.set(about(device, WireguardCmd::SetDevice, own))?;
    }
    let mut change = peers::change(&present.peers, wanted);
    // Those that are to be there come again, as they are to be.
    change.removed.extend(present.strange);
    for peers in messages(&change) {
        let peers = vec![WireguardAttribute::Peers(peers)];
        generic.set(about(device, WireguardCmd::SetDevice, peers))?;
    }
    Ok(())
}

fn about(device: &str, cmd: WireguardCmd, attributes: Vec<WireguardAttribute>) -> WireguardMessage {
    let name = WireguardAttribute::IfName(device.to_owned());
    let attributes = [name].into_iter().chain(attributes).collect();
    WireguardMessage { cmd, attributes }
}

/// The peers of each message that makes the change.
pub(super) fn messages(change: &Change) -> Vec<Vec<WireguardPeer>> {
    let removed = change.removed.iter().map(removal);
    let set = change.set.iter().map(|(key, peer)| told(key, peer));
    let moved = change.moved.iter().map(|(key, to)| moved(key, *to));
    let all: Vec<WireguardPeer> = removed.chain(set).chain(moved).collect();
    all.chunks(PIECE).map(<[_]>::to_vec).collect()
}

fn removal(key: &PublicKey) -> WireguardPeer {
    let flags = WireguardPeerFlags::RemoveMe | WireguardPeerFlags::UpdateOnly;
    WireguardPeer(vec![
        WireguardPeerAttribute::PublicKey(key.0),
        WireguardPeerAttribute::Flags(flags),
    ])
}

fn told(key: &PublicKey, peer: &Peer) -> WireguardPeer {
    WireguardPeer(vec![
        WireguardPeerAttribute::PublicKey(key.0),
        WireguardPeerAttribute::Flags(WireguardPeerFlags::ReplaceAllowedIps),
        WireguardPeerAttribute::Endpoint(peer.endpoint),
        WireguardPeerAttribute::AllowedIps(peer.ranges.iter().map(allowed).collect()),
    ])
}

/// No flag that has its ranges replaced: meanwhile packets would be refused.
fn moved(key: &PublicKey, endpoint: SocketAddr) -> WireguardPeer {
    WireguardPeer(vec![
        WireguardPeerAttribute::PublicKey(key.0),
        WireguardPeerAttribute::Flags(WireguardPeerFlags::UpdateOnly),
        WireguardPeerAttribute::Endpoint(endpoint),
    ])
}

fn allowed(range: &IpNet) -> WireguardAllowedIp {
    let family = match range {
        IpNet::V4(_) => WireguardAddressFamily::Ipv4,
        IpNet::V6(_) => WireguardAddressFamily::Ipv6,
    };
    WireguardAllowedIp(vec![
        WireguardAllowedIpAttr::Family(family),
        WireguardAllowedIpAttr::IpAddr(range.network()),
        WireguardAllowedIpAttr::Cidr(range.prefix_len()),
    ])
}

/// From the messages in which a device tells it: a peer whose ranges do not fit into one goes on in the next, under the same key.
pub(super) fn present(messages: &[WireguardMessage]) -> Present {
    let mut present = Present::default();
    for attribute in messages.iter().flat_map(|message| &message.attributes) {
        match attribute {
            WireguardAttribute::PrivateKey(key) => present.key = Some(*key),
            WireguardAttribute::ListenPort(port) => present.port = Some(*port),
            WireguardAttribute::Peers(peers) => {
                for peer in peers {
                    add(&mut present, peer);
                }
            }
            _ => {}
        }
    }
    let strange = &present.strange;
    present.peers.retain(|key, _| !strange.contains(key));
    present
}

fn add(present: &mut Present, peer: &WireguardPeer) {
    let (mut key, mut endpoint, mut ranges, mut is_strange) = (None, None, Vec::new(), false);
    for attribute in peer.iter() {
        match attribute {
            WireguardPeerAttribute::PublicKey(octets) => key = Some(PublicKey(*octets)),
            // Without the flow and the scope that packets of IPv6 come with.
            WireguardPeerAttribute::Endpoint(address) => {
                endpoint = Some(SocketAddr::new(address.ip(), address.port()));
            }
            WireguardPeerAttribute::AllowedIps(all) => {
                ranges.extend(all.iter().filter_map(range_of));
            }
            // Ours have none of these; the kernel tells a key of zero for none.
            WireguardPeerAttribute::PresharedKey(octets) => {
                is_strange |= octets.iter().any(|octet| *octet != 0);
            }
            WireguardPeerAttribute::PersistentKeepalive(seconds) => is_strange |= *seconds != 0,
            _ => {}
        }
    }
    let Some(key) = key else { return };
    if let Some(known) = present.peers.get_mut(&key) {
        known.ranges.extend(ranges);
        return;
    }
    let Some(endpoint) = endpoint.filter(|_| !is_strange) else {
        present.strange.push(key);
        return;
    };
    let ranges = ranges.into_iter().collect();
    present.peers.insert(key, Peer { endpoint, ranges });
}

fn range_of(allowed: &WireguardAllowedIp) -> Option<IpNet> {
    let (mut ip, mut length): (Option<IpAddr>, _) = (None, None);
    for attribute in allowed.iter() {
        match attribute {
            WireguardAllowedIpAttr::IpAddr(address) => ip = Some(*address),
            WireguardAllowedIpAttr::Cidr(octet) => length = Some(*octet),
            _ => {}
        }
    }
    IpNet::new(ip?, length?).ok()
}
