//! What the elements say of a new connection: the same look-ups that the kernel's rules do. By this the connections that go on are judged
//! anew when policies change.

use std::net::IpAddr;
use std::ops::Bound;

use super::compiled::Direction;
use super::element::{Elements, Key, Value};
use super::id::Id;
use super::ports::PortRange;
use crate::family::Family;

/// A connection, as it is between the pods: a service's address is an endpoint's by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    /// As in a packet.
    pub(crate) protocol: u8,
    pub(crate) port: u16,
}

/// Whether the packet that begins a connection goes through.
pub(crate) fn allows(elements: &Elements, packet: &Packet) -> bool {
    let is_itself = packet.from == packet.to && elements.contains_key(&Key::Itself(packet.from));
    is_itself
        || (permits(elements, Direction::Egress, packet.from, packet.to, packet)
            && permits(elements, Direction::Ingress, packet.to, packet.from, packet))
}

fn permits(
    elements: &Elements,
    direction: Direction,
    pod: IpAddr,
    peer: IpAddr,
    packet: &Packet,
) -> bool {
    let family = Family::of(pod);
    let Some(group) = id(elements, &Key::Group(direction, pod)) else {
        return true;
    };
    let by_identity = id(elements, &Key::Identity(peer))
        .and_then(|identity| id(elements, &Key::Pair(direction, family, group, identity)));
    let by_block = block(elements, direction, group, peer);
    let mut ports = [by_identity, by_block].into_iter().flatten();
    ports.any(|set| has_port(elements, family, set, packet))
}

fn id(elements: &Elements, key: &Key) -> Option<Id> {
    match elements.get(key)? {
        Value::Id(id) => Some(*id),
        Value::Present => None,
    }
}

/// Ranges do not overlap: it is in the last that does not begin behind it, if in any.
fn block(elements: &Elements, direction: Direction, group: Id, peer: IpAddr) -> Option<Id> {
    let lowest = match peer {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0u16; 8]),
    };
    let highest = match peer {
        IpAddr::V4(_) => IpAddr::from([u8::MAX; 4]),
        IpAddr::V6(_) => IpAddr::from([u16::MAX; 8]),
    };
    let from = Key::Block(direction, group, lowest, lowest);
    let to = Key::Block(direction, group, peer, highest);
    let mut before = elements.range((Bound::Included(from), Bound::Included(to)));
    match before.next_back()? {
        (Key::Block(_, _, _, last), Value::Id(ports)) if *last >= peer => Some(*ports),
        _ => None,
    }
}

fn has_port(elements: &Elements, family: Family, set: Id, packet: &Packet) -> bool {
    let range = |protocols, ports| PortRange { protocols, ports };
    let from = Key::Ports(family, set, range((0, 0), (0, 0)));
    let all = (u8::MAX, u8::MAX);
    let to = Key::Ports(family, set, range(all, (u16::MAX, u16::MAX)));
    let mut of_set = elements.range((Bound::Included(from), Bound::Included(to)));
    of_set.any(|(key, _)| match key {
        Key::Ports(_, _, range) => range.contains(packet.protocol, packet.port),
        _ => false,
    })
}
