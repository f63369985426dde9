//! Elements as the kernel has them: every part filled up to four bytes.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::chains;
use super::element::{Family, Frontend, Key, Value};
use crate::Protocol;
use crate::netfilter::elements::{Data, Element};

/// An element of a table.
pub(crate) fn element(key: &Key, value: &Value) -> Element {
    let mut bytes = Vec::with_capacity(24);
    let mut end = None;
    match key {
        Key::Endpoint(_, frontend, index) => {
            // The kernel draws it, and leaves it in its own order.
            bytes.extend_from_slice(&index.to_ne_bytes());
            put_frontend(&mut bytes, frontend);
        }
        Key::Dispatch(_, frontend)
        | Key::Source(frontend)
        | Key::Remember(frontend)
        | Key::Unserved(frontend)
        | Key::Firewalled(frontend) => put_frontend(&mut bytes, frontend),
        Key::Allowed(frontend, range) => {
            put_frontend(&mut bytes, frontend);
            let mut last = bytes.clone();
            put_address(&mut bytes, range.network());
            put_address(&mut last, last_of(range));
            end = Some(last);
        }
        Key::ClusterIp(address) | Key::ExternalIp(address) | Key::Announced(address) => {
            put_address(&mut bytes, *address);
        }
        Key::Hairpin(address) => {
            put_address(&mut bytes, *address);
            put_address(&mut bytes, *address);
        }
    }
    Element {
        set: key.set(),
        key: bytes,
        end,
        data: data(key, value),
    }
}

fn data(key: &Key, value: &Value) -> Option<Data> {
    match value {
        Value::Present => None,
        Value::Drop => Some(Data::Drop),
        Value::Endpoint(endpoint) => {
            let mut bytes = Vec::with_capacity(8);
            put_address(&mut bytes, endpoint.ip());
            put_port(&mut bytes, endpoint.port());
            Some(Data::Value(bytes))
        }
        Value::Choose { .. } | Value::Source(_) | Value::Remember(_) | Value::Reject => {
            chains::chain(key, value).map(Data::Goto)
        }
    }
}

fn put_frontend(bytes: &mut Vec<u8>, frontend: &Frontend) {
    let (protocol, port) = match frontend {
        Frontend::Address(address, protocol, port) => {
            put_address(bytes, *address);
            (protocol, port)
        }
        Frontend::NodePort(_, protocol, port) => (protocol, port),
    };
    bytes.extend_from_slice(&[protocol.number(), 0, 0, 0]);
    put_port(bytes, *port);
}

fn put_address(bytes: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => bytes.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => bytes.extend_from_slice(&address.octets()),
    }
}

fn put_port(bytes: &mut Vec<u8>, port: u16) {
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes.extend_from_slice(&[0, 0]);
}

/// The highest address of a range: that of an IPv4 range is its broadcast address.
fn last_of(range: &IpNet) -> IpAddr {
    range.broadcast()
}

/// The maps of clients that stay with their endpoints: of services' addresses, and of node ports.
pub(crate) const AFFINITY: [&str; 2] = ["affinity", "node-port-affinity"];

/// What an element of one of those says: where a client asked, and where it is sent.
pub(crate) fn affinity(family: Family, element: &Element) -> Option<(Frontend, SocketAddr)> {
    let Some(Data::Value(endpoint)) = &element.data else {
        return None;
    };
    let (_client, rest) = take_address(family, &element.key)?;
    let (address, rest) = match element.set == AFFINITY[0] {
        true => take_address(family, rest).map(|(address, rest)| (Some(address), rest))?,
        false => (None, rest),
    };
    let protocol = Protocol::of_number(*rest.first()?)?;
    let port = take_port(rest.get(4..)?)?;
    let (endpoint, endpoint_port) = take_address(family, endpoint)?;
    let frontend = match address {
        Some(address) => Frontend::Address(address, protocol, port),
        None => Frontend::NodePort(family, protocol, port),
    };
    Some((
        frontend,
        SocketAddr::new(endpoint, take_port(endpoint_port)?),
    ))
}

fn take_address(family: Family, bytes: &[u8]) -> Option<(IpAddr, &[u8])> {
    match family {
        Family::V4 => {
            let (address, rest) = bytes.split_first_chunk::<4>()?;
            Some((IpAddr::from(*address), rest))
        }
        Family::V6 => {
            let (address, rest) = bytes.split_first_chunk::<16>()?;
            Some((IpAddr::from(*address), rest))
        }
    }
}

fn take_port(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|port| u16::from_be_bytes(*port))
}
