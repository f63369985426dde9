//! From what a pod's interface may send: elements of the sets that [`crate::neighbours`] looks into. Pure.

use std::net::IpAddr;

use crate::Attachment;
use crate::config::mac_address;
use crate::netfilter::entry::{Entry, Field};

/// The sets.
pub(crate) const SETS: [&str; 5] = [
    "interfaces",
    "hardware",
    "addresses",
    "addresses-v6",
    "targets",
];

/// Of an interface alone, as of one that nobody has any more: it may send nothing. The node's table of the same name of set is told of it as well, by
/// which the interface itself receives nothing ([`crate::masquerade`]).
pub(crate) fn of_nobody(interface: &str) -> Entry {
    entry("interfaces", interface, None)
}

/// Of a pod's interface.
pub(crate) fn of(attachment: &Attachment) -> Vec<Entry> {
    let interface = attachment.host_interface.as_str();
    // The interface has one hardware address, that of its first.
    let hardware = attachment.ips.first().map(|first| {
        let hardware = Field::Hardware(mac_address(*first));
        entry("hardware", interface, Some(hardware))
    });
    let of_address = |ip: &IpAddr| {
        let set = match ip {
            IpAddr::V4(_) => "addresses",
            IpAddr::V6(_) => "addresses-v6",
        };
        let sender = [entry(set, interface, Some(Field::Address(*ip)))];
        let target = ip.is_ipv6().then_some(Field::Number(*ip));
        let target = target.map(|target| entry("targets", interface, Some(target)));
        sender.into_iter().chain(target)
    };
    let of_addresses = attachment.ips.iter().flat_map(of_address);
    [of_nobody(interface)]
        .into_iter()
        .chain(hardware)
        .chain(of_addresses)
        .collect()
}

fn entry(set: &'static str, interface: &str, sender: Option<Field>) -> Entry {
    let interface = Field::Interface(interface.to_owned());
    Entry {
        set,
        key: [interface].into_iter().chain(sender).collect(),
        value: Vec::new(),
    }
}
