//! What the elements say of a new connection: the same look-ups that the kernel's rules do. By this the connections that go on are judged
//! anew when policies change.

use std::net::IpAddr;
use std::ops::Bound;

use super::compiled::Direction;
use super::element::{Elements, Key, Value};
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
    if !elements.contains_key(&Key::IsolatedIn(direction, pod)) {
        return true;
    }
    let by_identity = match elements.get(&Key::Identity(direction, peer)) {
        Some(Value::Identity(number)) => elements.get(&Key::Pair(direction, *number, pod)),
        _ => None,
    };
    let by_block = block(elements, direction, pod, peer);
    let mut found = [by_identity, by_block].into_iter().flatten();
    found.any(|value| match value {
        Value::Everything => true,
        Value::Ports(number) => has_port(elements, Family::of(pod), *number, packet),
        Value::Present | Value::Identity(_) => false,
    })
}

/// Ranges do not overlap: it is in the last that does not begin behind it, if in any.
fn block(elements: &Elements, direction: Direction, pod: IpAddr, peer: IpAddr) -> Option<&Value> {
    let (lowest, highest) = match peer {
        IpAddr::V4(_) => (IpAddr::from([0; 4]), IpAddr::from([u8::MAX; 4])),
        IpAddr::V6(_) => (IpAddr::from([0u16; 8]), IpAddr::from([u16::MAX; 8])),
    };
    let from = Key::Block(direction, pod, lowest, lowest);
    let to = Key::Block(direction, pod, peer, highest);
    let mut before = elements.range((Bound::Included(from), Bound::Included(to)));
    match before.next_back()? {
        (Key::Block(_, _, _, last), value) if *last >= peer => Some(value),
        _ => None,
    }
}

fn has_port(elements: &Elements, family: Family, number: u32, packet: &Packet) -> bool {
    let end = |protocol, port| {
        let ports = (port, port);
        Bound::Included(Key::Ports(family, number, PortRange { protocol, ports }))
    };
    let mut of_set = elements.range((end(0, 0), end(u8::MAX, u16::MAX)));
    of_set.any(|(key, _)| match key {
        Key::Ports(_, _, range) => range.contains(packet.protocol, packet.port),
        _ => false,
    })
}
