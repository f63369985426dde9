//! Chains of rules that `nft` 1.0.6 does not write, or not as they are needed: those that send a new connection on to what a map has for it,
//! and remember that (it does not read back the type of a key that a drawn number is part of, and runs out of registers where addresses
//! are of IPv6); and those of steps, which have numbers in what they look up.

use std::io;

use super::attributes::{self, Writer};
use super::elements::Transaction;
use super::socket::{APPEND, CREATE, Message, NFTABLES, Netfilter};
use super::steps::Step;

/// `NFT_MSG_NEWCHAIN`, `NFT_MSG_GETCHAIN`, `NFT_MSG_DELCHAIN`, `NFT_MSG_NEWRULE` and `NFT_MSG_DELRULE`.
const NEW_CHAIN: u16 = NFTABLES | 3;
const GET_CHAIN: u16 = NFTABLES | 4;
const DELETE_CHAIN: u16 = NFTABLES | 5;
const NEW_RULE: u16 = NFTABLES | 6;
const DELETE_RULES: u16 = NFTABLES | 8;
/// `NFT_MSG_DELTABLE` and `NFTA_TABLE_NAME`.
const DELETE_TABLE: u16 = NFTABLES | 2;
const TABLE_NAME: u16 = 1;
/// `NFTA_CHAIN_TABLE` and `NFTA_CHAIN_NAME`.
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
/// `NFTA_RULE_TABLE`, `NFTA_RULE_CHAIN` and `NFTA_RULE_EXPRESSIONS`.
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
/// `NFTA_LIST_ELEM`, `NFTA_EXPR_NAME` and `NFTA_EXPR_DATA`.
const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
/// `NFT_NG_RANDOM`, `NFT_META_L4PROTO` and `NFT_NAT_DNAT`.
const RANDOM: u32 = 1;
const PROTOCOL: u32 = 16;
const DNAT: u32 = 1;
/// `NFT_PAYLOAD_NETWORK_HEADER` and `NFT_PAYLOAD_TRANSPORT_HEADER`.
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;
/// `NFT_REG32_00`: the first of sixteen registers of four bytes.
pub(super) const FIRST_REGISTER: u32 = 8;
/// `NFT_CT_PROTO_DST`, `NFT_CT_SRC_IP`, `NFT_CT_DST_IP`, and the latter two of IPv6.
const TRACKED_PORT: u32 = 12;
const TRACKED_ADDRESSES: (u32, u32) = (19, 20);
const TRACKED_ADDRESSES_V6: (u32, u32) = (21, 22);
/// `IP_CT_DIR_ORIGINAL`.
const ORIGINAL: u8 = 0;
/// `NFT_DYNSET_OP_UPDATE`.
const UPDATE: u32 = 1;
/// `NFPROTO_IPV6`.
const IPV6: u8 = 10;

/// A part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A number below this, drawn for every connection.
    Random(u32),
    /// This number.
    Constant(u32),
    /// The packet's source address.
    Source,
    /// Its destination address.
    Destination,
    /// Its transport protocol.
    Protocol,
    /// Its destination port.
    Port,
    /// The source of the connection's first packet, before anything was changed.
    OriginalSource,
    /// Where that was sent to.
    OriginalDestination,
    /// And to which port.
    OriginalPort,
}

/// A rule with a map from a key to an address and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The connection goes where the map says for the key, or on to the next rule if it says nothing.
    SendOn { key: Vec<Part>, map: &'static str },
    /// The map has, for so many seconds from now, where the packet goes.
    Remember {
        key: Vec<Part>,
        map: &'static str,
        seconds: u32,
    },
    /// These steps, one after the other: a look-up that finds nothing ends the rule, and the next one begins.
    Steps(Vec<Step>),
}

impl Transaction<'_> {
    /// Makes a chain of these rules and no others, whether or not it is there.
    pub(crate) fn chain(&mut self, family: u8, name: &str, rules: &[Rule]) {
        let mut chain = Writer::default();
        chain.text(CHAIN_TABLE, self.table);
        chain.text(CHAIN_NAME, name);
        let mut of_chain = Writer::default();
        of_chain.text(RULE_TABLE, self.table);
        of_chain.text(RULE_CHAIN, name);
        let mut push = |kind, flags, attributes| {
            self.messages.push(Message {
                kind,
                flags,
                family,
                attributes,
            });
        };
        push(NEW_CHAIN, CREATE, chain.bytes);
        push(DELETE_RULES, 0, of_chain.bytes.clone());
        for rule in rules {
            let mut attributes = Writer {
                bytes: of_chain.bytes.clone(),
            };
            attributes.nest(RULE_EXPRESSIONS, |list| rule.write(family, list));
            push(NEW_RULE, CREATE | APPEND, attributes.bytes);
        }
    }

    /// Removes a chain that nothing leads to any more, with its rules.
    pub(crate) fn remove_chain(&mut self, family: u8, name: &str) {
        let mut chain = Writer::default();
        chain.text(CHAIN_TABLE, self.table);
        chain.text(CHAIN_NAME, name);
        let mut of_chain = Writer::default();
        of_chain.text(RULE_TABLE, self.table);
        of_chain.text(RULE_CHAIN, name);
        for (kind, attributes) in [(DELETE_RULES, of_chain.bytes), (DELETE_CHAIN, chain.bytes)] {
            self.messages.push(Message {
                kind,
                flags: 0,
                family,
                attributes,
            });
        }
    }
}

impl Transaction<'_> {
    /// Removes the table with all that is in it.
    pub(super) fn remove_table(&mut self, family: u8) {
        let mut table = Writer::default();
        table.text(TABLE_NAME, self.table);
        self.messages.push(Message {
            kind: DELETE_TABLE,
            flags: 0,
            family,
            attributes: table.bytes,
        });
    }
}

/// The names of a table's chains.
pub(crate) fn list(netfilter: &mut Netfilter, family: u8, table: &str) -> io::Result<Vec<String>> {
    let message = Message {
        kind: GET_CHAIN,
        flags: 0,
        family,
        attributes: Vec::new(),
    };
    let mut names = Vec::new();
    netfilter.dump_whole(&message, |bytes| {
        let parts = attributes::by_kind(bytes);
        let text = |kind| {
            parts
                .get(&kind)
                .map(|text| text.strip_suffix(&[0]).unwrap_or(text))
        };
        if text(CHAIN_TABLE) == Some(table.as_bytes()) {
            names.extend(text(CHAIN_NAME).map(|name| String::from_utf8_lossy(name).into_owned()));
        }
    })?;
    Ok(names)
}

impl Rule {
    fn write(&self, family: u8, list: &mut Writer) {
        match self {
            Self::SendOn { key, map } => {
                load(key, family, FIRST_REGISTER, list);
                expression(list, "lookup", |lookup| {
                    lookup.text(1, map);
                    number(lookup, 2, FIRST_REGISTER);
                    number(lookup, 3, FIRST_REGISTER);
                });
                let address = if family == IPV6 { 4 } else { 1 };
                expression(list, "nat", |nat| {
                    number(nat, 1, DNAT);
                    number(nat, 2, family.into());
                    number(nat, 3, FIRST_REGISTER);
                    number(nat, 5, FIRST_REGISTER + address);
                });
            }
            Self::Remember { key, map, seconds } => {
                let data = load(key, family, FIRST_REGISTER, list);
                load(&[Part::Destination, Part::Port], family, data, list);
                expression(list, "dynset", |dynset| {
                    dynset.text(1, map);
                    number(dynset, 3, UPDATE);
                    number(dynset, 4, FIRST_REGISTER);
                    number(dynset, 5, data);
                    let milliseconds = u64::from(*seconds) * 1000;
                    dynset.put(6, &milliseconds.to_be_bytes());
                });
            }
            Self::Steps(steps) => steps.iter().for_each(|step| step.write(family, list)),
        }
    }
}

/// Loads parts one behind the other, from a register on; returns the next.
fn load(parts: &[Part], family: u8, first: u32, list: &mut Writer) -> u32 {
    parts.iter().fold(first, |register, part| {
        register + part.load(family, register, list)
    })
}

impl Part {
    /// Loads it into registers from this one on; says how many.
    pub(super) fn load(self, family: u8, register: u32, list: &mut Writer) -> u32 {
        // Offsets and lengths in octets, and lengths in registers.
        let (source, destination, octets, registers) = match family {
            IPV6 => (8, 24, 16, 4),
            _ => (12, 16, 4, 1),
        };
        let tracked = match family {
            IPV6 => TRACKED_ADDRESSES_V6,
            _ => TRACKED_ADDRESSES,
        };
        let original = |list: &mut Writer, key| {
            expression(list, "ct", |ct| {
                number(ct, 1, register);
                number(ct, 2, key);
                ct.put(3, &[ORIGINAL]);
            });
        };
        let payload = |list: &mut Writer, base, offset, length| {
            expression(list, "payload", |payload| {
                let fields = [register, base, offset, length];
                (1..)
                    .zip(fields)
                    .for_each(|(kind, field)| number(payload, kind, field));
            });
        };
        // A number below a modulus, and added to an offset.
        let drawn = |list: &mut Writer, modulus, offset| {
            expression(list, "numgen", |numgen| {
                let fields = [register, modulus, RANDOM, offset];
                (1..)
                    .zip(fields)
                    .for_each(|(kind, field)| number(numgen, kind, field));
            });
        };
        match self {
            Self::Source => payload(list, NETWORK, source, octets),
            Self::Destination => payload(list, NETWORK, destination, octets),
            Self::Port => payload(list, TRANSPORT, 2, 2),
            Self::OriginalSource => original(list, tracked.0),
            Self::OriginalDestination => original(list, tracked.1),
            Self::OriginalPort => original(list, TRACKED_PORT),
            Self::Protocol => expression(list, "meta", |meta| {
                number(meta, 1, register);
                number(meta, 2, PROTOCOL);
            }),
            Self::Random(modulus) => drawn(list, modulus, 0),
            // Of all there is, `nft` reads only this back as a part of a key.
            Self::Constant(number) => drawn(list, 1, number),
        }
        match self {
            Self::Source | Self::Destination | Self::OriginalSource | Self::OriginalDestination => {
                registers
            }
            Self::Port
            | Self::OriginalPort
            | Self::Protocol
            | Self::Random(_)
            | Self::Constant(_) => 1,
        }
    }
}

pub(super) fn expression(list: &mut Writer, name: &str, write: impl FnOnce(&mut Writer)) {
    list.nest(LIST_ELEMENT, |element| {
        element.text(EXPRESSION_NAME, name);
        element.nest(EXPRESSION_DATA, write);
    });
}

pub(super) fn number(writer: &mut Writer, kind: u16, number: u32) {
    writer.put(kind, &number.to_be_bytes());
}
