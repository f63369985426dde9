//! Elements as the kernel has them: every part filled up to four octets.

use super::chains;
use super::element::{Key, Value};
use crate::netfilter::elements::{Data, Element};
use crate::netfilter::entry::address as octets;

/// An element of a table.
pub(crate) fn element(key: &Key, value: &Value) -> Element {
    let (first, last) = ends(key);
    Element {
        set: key.set(),
        key: first,
        end: last,
        data: chains::chain(key, value).map(Data::Jump),
    }
}

/// The key; of sets of ranges, its other end too.
fn ends(key: &Key) -> (Vec<u8>, Option<Vec<u8>>) {
    match key {
        Key::Isolated(address) | Key::IsolatedIn(_, address) | Key::Identity(_, address) => {
            (octets(*address), None)
        }
        Key::Itself(address) => ([octets(*address), octets(*address)].concat(), None),
        // A number is as the kernel has it in its own order.
        Key::Pair(_, identity, pod) => {
            let key = [identity.to_ne_bytes().to_vec(), octets(*pod)];
            (key.concat(), None)
        }
        Key::Block(_, pod, first, last) => {
            let end = |ip| [octets(*pod), octets(ip)].concat();
            (end(*first), Some(end(*last)))
        }
        Key::Here(address, protocol, number) => (
            [octets(*address), port(*protocol, *number).into()].concat(),
            None,
        ),
        Key::Ports(_, number, range) => {
            let end = |protocol, of: u16| [&number.to_ne_bytes()[..], &port(protocol, of)].concat();
            let first = end(range.protocol, range.ports.0);
            (first, Some(end(range.protocol, range.ports.1)))
        }
    }
}

fn port(protocol: u8, number: u16) -> [u8; 8] {
    let [high, low] = number.to_be_bytes();
    [protocol, 0, 0, 0, high, low, 0, 0]
}
