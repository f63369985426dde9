//! Elements of tables that `nft` makes: as text, where the table is made, and as the kernel has them, where one comes or goes. Pure.

use std::net::IpAddr;

use super::elements::{Data, Element};
use crate::Protocol;

/// `IFNAMSIZ`: what the name of an interface fills.
const NAME: usize = 16;

/// An element of a set; of a map, with what is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) set: &'static str,
    pub(crate) key: Vec<Field>,
    /// Empty in sets.
    pub(crate) value: Vec<Field>,
}

/// A part of a key or of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    /// An interface by its name.
    Interface(String),
    Hardware([u8; 6]),
    Address(IpAddr),
    /// An address of which `nft` knows only that it is a number.
    Number(IpAddr),
    Protocol(Protocol),
    Port(u16),
}

impl Entry {
    /// The command that adds it. `table`: with its family, as `inet navarch`.
    pub(crate) fn command(&self, table: &str) -> String {
        let text = |fields: &[Field]| fields.iter().map(Field::text).collect::<Vec<_>>();
        let (key, value) = (text(&self.key).join(" . "), text(&self.value).join(" . "));
        let value = match value.is_empty() {
            true => value,
            false => format!(" : {value}"),
        };
        format!("add element {table} {} {{ {key}{value} }}\n", self.set)
    }

    /// As the kernel has it.
    pub(crate) fn element(&self) -> Element {
        let octets = |fields: &[Field]| fields.iter().flat_map(Field::octets).collect::<Vec<u8>>();
        let value = octets(&self.value);
        Element {
            set: self.set,
            key: octets(&self.key),
            end: None,
            data: (!value.is_empty()).then_some(Data::Value(value)),
        }
    }
}

impl Field {
    fn text(&self) -> String {
        let digits = |octets: &[u8], between| {
            let octets = octets.iter().map(|octet| format!("{octet:02x}"));
            octets.collect::<Vec<_>>().join(between)
        };
        match self {
            Self::Interface(name) => format!("\"{name}\""),
            Self::Hardware(address) => digits(address, ":"),
            Self::Address(ip) => ip.to_string(),
            Self::Number(ip) => format!("0x{}", digits(&address(*ip), "")),
            Self::Protocol(protocol) => protocol.rule_name().to_owned(),
            Self::Port(port) => port.to_string(),
        }
    }

    /// Filled up to four octets.
    fn octets(&self) -> Vec<u8> {
        let (mut octets, length) = match self {
            Self::Interface(name) => (name.clone().into_bytes(), NAME),
            Self::Hardware(address) => (address.to_vec(), 8),
            Self::Address(ip) | Self::Number(ip) => return address(*ip),
            Self::Protocol(protocol) => (vec![protocol.number()], 4),
            Self::Port(port) => (port.to_be_bytes().to_vec(), 4),
        };
        octets.resize(length, 0);
        octets
    }
}

/// An address as it is in packets.
pub(crate) fn address(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}
