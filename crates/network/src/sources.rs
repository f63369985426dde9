//! From what a pod's interface may send: elements of the sets that [`crate::neighbours`] looks into. Pure.

use std::net::IpAddr;

use crate::Attachment;
use crate::config::mac_address;
use crate::netfilter::entry::{Entry, Field};

/// The sets.
pub(crate) const SETS: [&str; 7] = [
    "interfaces",
    "hardware",
    "addresses",
    "addresses-v6",
    "senders",
    "senders-v6",
    "targets",
];

/// Of an interface alone, as of one that nobody has any more: it may send nothing. The node's table of the same name of set is told of it as well, by
/// which the interface itself receives nothing ([`crate::masquerade`]).
pub(crate) fn of_nobody(interface: &str) -> Entry {
    entry("interfaces", interface, [])
}

/// Of a pod's interface.
pub(crate) fn of(attachment: &Attachment) -> Vec<Entry> {
    let interface = attachment.host_interface.as_str();
    let mut entries = vec![of_nobody(interface)];
    // The interface has one hardware address, that of its first.
    let Some(hardware) = attachment.ips.first().copied().map(mac_address) else {
        return entries;
    };
    entries.push(entry("hardware", interface, [Field::Hardware(hardware)]));
    for ip in &attachment.ips {
        let (addresses, senders) = match ip {
            IpAddr::V4(_) => ("addresses", "senders"),
            IpAddr::V6(_) => ("addresses-v6", "senders-v6"),
        };
        let address = || Field::Address(*ip);
        let sender = [Field::Hardware(hardware), address()];
        entries.push(entry(addresses, interface, [address()]));
        entries.push(entry(senders, interface, sender));
        if ip.is_ipv6() {
            entries.push(entry("targets", interface, [Field::Number(*ip)]));
        }
    }
    entries
}

fn entry(set: &'static str, interface: &str, sender: impl IntoIterator<Item = Field>) -> Entry {
    let interface = Field::Interface(interface.to_owned());
    Entry {
        set,
        key: [interface].into_iter().chain(sender).collect(),
        value: Vec::new(),
    }
}
