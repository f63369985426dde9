//! Elements as the kernel has them: every part filled up to four octets.

use std::net::IpAddr;

use super::element::{Key, Value};
use super::id::Id;
use crate::netfilter::elements::{Data, Element};

/// An element of a table.
pub(crate) fn element(key: &Key, value: &Value) -> Element {
    let (first, last) = ends(key);
    Element {
        set: key.set(),
        key: first,
        end: last,
        data: match value {
            Value::Present => None,
            Value::Id(Id(id)) => Some(Data::Value(id.to_vec())),
        },
    }
}

/// The key; of sets of ranges, its other end too.
fn ends(key: &Key) -> (Vec<u8>, Option<Vec<u8>>) {
    match key {
        Key::Isolated(address) | Key::Group(_, address) | Key::Identity(address) => {
            (octets(*address), None)
        }
        Key::Itself(address) => ([octets(*address), octets(*address)].concat(), None),
        Key::Pair(_, _, Id(group), Id(identity)) => ([*group, *identity].concat(), None),
        Key::Block(_, Id(group), first, last) => {
            let end = |address| [group.to_vec(), octets(address)].concat();
            (end(*first), Some(end(*last)))
        }
        Key::Ports(_, Id(id), range) => {
            let end = |protocol: u8, port: u16| {
                let [high, low] = port.to_be_bytes();
                let rest = [protocol, 0, 0, 0, high, low, 0, 0];
                [&id[..], &rest].concat()
            };
            let first = end(range.protocols.0, range.ports.0);
            (first, Some(end(range.protocols.1, range.ports.1)))
        }
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
