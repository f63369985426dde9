//! The connections that the kernel tracks.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::attributes::{self, Writer};
use super::socket::{CONNTRACK, Message, Netfilter};

/// `IPCTNL_MSG_CT_GET` and `IPCTNL_MSG_CT_DELETE`.
const GET: u16 = CONNTRACK | 1;
const DELETE: u16 = CONNTRACK | 2;
/// `CTA_TUPLE_ORIG`, `CTA_TUPLE_REPLY`, `CTA_ID` and `CTA_ZONE`.
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const ID: u16 = 12;
const ZONE: u16 = 18;
/// `CTA_TUPLE_IP` and `CTA_TUPLE_PROTO`.
const ADDRESSES: u16 = 1;
const PROTOCOL: u16 = 2;
/// `CTA_IP_*`.
const V4_SOURCE: u16 = 1;
const V4_DESTINATION: u16 = 2;
const V6_SOURCE: u16 = 3;
const V6_DESTINATION: u16 = 4;
/// `CTA_PROTO_NUM`, `CTA_PROTO_SRC_PORT` and `CTA_PROTO_DST_PORT`.
const NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;

const UDP: u8 = 17;

/// A connection, or what is taken for one, and where its packets go. Where the protocol has no ports, they are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    family: u8,
    /// As in a packet.
    pub(crate) protocol: u8,
    /// Who began it.
    pub(crate) client: SocketAddr,
    /// Where the client sends to.
    pub(crate) destination: SocketAddr,
    /// Who answers.
    pub(crate) answers: SocketAddr,
    /// What names it to the kernel, as the kernel has said it.
    identity: Vec<u8>,
}

/// The flows of UDP in a family.
pub(crate) fn udp_flows(netfilter: &mut Netfilter, family: u8) -> io::Result<Vec<Flow>> {
    let mut flows = flows(netfilter, family, |_, _| true)?;
    flows.retain(|flow| flow.protocol == UDP);
    Ok(flows)
}

/// The flows in a family, by who began them and who answers: there may be very many.
pub(crate) fn flows(
    netfilter: &mut Netfilter,
    family: u8,
    is_wanted: impl Fn(IpAddr, IpAddr) -> bool,
) -> io::Result<Vec<Flow>> {
    let message = Message {
        kind: GET,
        flags: 0,
        family,
        attributes: Vec::new(),
    };
    let mut flows = Vec::new();
    netfilter.dump(&message, |bytes| {
        flows.extend(read(family, bytes, &is_wanted));
    })?;
    Ok(flows)
}

/// Has the kernel forget a flow: its next packet is a new connection's. One that is gone already is fine.
pub(crate) fn forget(netfilter: &mut Netfilter, flow: &Flow) -> io::Result<()> {
    let message = Message {
        kind: DELETE,
        flags: 0,
        family: flow.family,
        attributes: flow.identity.clone(),
    };
    match netfilter.one(&message) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn read(family: u8, bytes: &[u8], is_wanted: &impl Fn(IpAddr, IpAddr) -> bool) -> Option<Flow> {
    let parts = attributes::by_kind(bytes);
    let (original, reply) = (parts.get(&ORIGINAL)?, parts.get(&REPLY)?);
    let (protocol, client) = end(original, (V4_SOURCE, V6_SOURCE), SOURCE_PORT)?;
    let (_, destination) = end(original, (V4_DESTINATION, V6_DESTINATION), DESTINATION_PORT)?;
    let (_, answers) = end(reply, (V4_SOURCE, V6_SOURCE), SOURCE_PORT)?;
    if !is_wanted(client.ip(), answers.ip()) {
        return None;
    }
    let mut identity = Writer::default();
    identity.nest(ORIGINAL, |tuple| tuple.bytes.extend_from_slice(original));
    for kind in [ID, ZONE] {
        if let Some(value) = parts.get(&kind) {
            identity.put(kind, value);
        }
    }
    Some(Flow {
        family,
        protocol,
        client,
        destination,
        answers,
        identity: identity.bytes,
    })
}

/// The protocol of a tuple, and one of its ends.
fn end(tuple: &[u8], (v4, v6): (u16, u16), port: u16) -> Option<(u8, SocketAddr)> {
    let parts = attributes::by_kind(tuple);
    let addresses = attributes::by_kind(parts.get(&ADDRESSES)?);
    let protocol = attributes::by_kind(parts.get(&PROTOCOL)?);
    let number = *protocol.get(&NUMBER)?.first()?;
    let address = match (addresses.get(&v4), addresses.get(&v6)) {
        (Some(bytes), _) => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).ok()?)),
        (_, Some(bytes)) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?)),
        _ => return None,
    };
    let port = match protocol.get(&port) {
        Some(port) => u16::from_be_bytes(<[u8; 2]>::try_from(*port).ok()?),
        None => 0,
    };
    Some((number, SocketAddr::new(address, port)))
}
