//! Elements of nftables sets and maps, as bytes.

use std::io;

use super::attributes::{self, MAX_LENGTH, Writer};
use super::socket::{CREATE, Message, NFTABLES, Netfilter};

/// `NFT_MSG_NEWSETELEM`, `NFT_MSG_GETSETELEM`, `NFT_MSG_DELSETELEM`.
const NEW: u16 = NFTABLES | 12;
const GET: u16 = NFTABLES | 13;
const DELETE: u16 = NFTABLES | 14;
/// `NFTA_SET_ELEM_LIST_*`.
const LIST_TABLE: u16 = 1;
const LIST_SET: u16 = 2;
const LIST_ELEMENTS: u16 = 3;
/// `NFTA_LIST_ELEM`.
const LIST_ELEMENT: u16 = 1;
/// `NFTA_SET_ELEM_*`.
const KEY: u16 = 1;
const DATA: u16 = 2;
const KEY_END: u16 = 10;
/// `NFTA_DATA_*`.
const VALUE: u16 = 1;
const VERDICT: u16 = 2;
/// `NFTA_VERDICT_*`.
const CODE: u16 = 1;
const CHAIN: u16 = 2;
/// `NF_DROP`, `NFT_JUMP` and `NFT_GOTO`.
const DROP: i32 = 0;
const JUMP: i32 = -3;
const GOTO: i32 = -4;

/// How long the list of one message may be: an element more must fit behind it.
const MAX_LIST: usize = MAX_LENGTH / 2;

/// One element.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Element {
    pub(crate) set: &'static str,
    /// Each part filled up to four bytes, all in the order of the network but for numbers that the kernel draws.
    pub(crate) key: Vec<u8>,
    /// The end, in sets of ranges.
    pub(crate) end: Option<Vec<u8>>,
    /// What a map has for the key.
    pub(crate) data: Option<Data>,
}

/// What a map holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Data {
    /// A value, filled up like keys.
    Value(Vec<u8>),
    /// The verdict to go on in a chain.
    Goto(String),
    /// The verdict to go through a chain, and come back where it says nothing.
    Jump(String),
    /// The verdict to drop the packet.
    Drop,
}

/// What is done in the tables of one name, all in one transaction.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    pub(super) table: &'a str,
    pub(super) messages: Vec<Message>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(table: &'a str) -> Self {
        Self {
            table,
            messages: Vec::new(),
        }
    }

    /// Fails the transaction if an element is not there. `family`: `NFPROTO_IPV4` or `NFPROTO_IPV6`.
    pub(crate) fn remove(&mut self, family: u8, elements: &[Element]) {
        self.append(DELETE, 0, family, elements);
    }

    /// Fails the transaction if a map has something else for a key.
    pub(crate) fn add(&mut self, family: u8, elements: &[Element]) {
        self.append(NEW, CREATE, family, elements);
    }

    pub(crate) fn commit(self, netfilter: &mut Netfilter) -> io::Result<()> {
        netfilter.transaction(&self.messages)
    }

    /// Elements of a set that follow each other share messages.
    fn append(&mut self, kind: u16, flags: u16, family: u8, elements: &[Element]) {
        let mut rest = elements;
        while let Some(first) = rest.first() {
            let mut list = Writer::default();
            let mut taken = 0;
            for element in rest {
                if element.set != first.set || list.bytes.len() > MAX_LIST {
                    break;
                }
                list.nest(LIST_ELEMENT, |list| write(list, element, kind == NEW));
                taken += 1;
            }
            let mut attributes = names(self.table, first.set);
            attributes.nest(LIST_ELEMENTS, |all| all.bytes.append(&mut list.bytes));
            self.messages.push(Message {
                kind,
                flags,
                family,
                attributes: attributes.bytes,
            });
            rest = &rest[taken..];
        }
    }
}

fn names(table: &str, set: &str) -> Writer {
    let mut names = Writer::default();
    names.text(LIST_TABLE, table);
    names.text(LIST_SET, set);
    names
}

fn write(list: &mut Writer, element: &Element, with_data: bool) {
    list.nest(KEY, |key| key.put(VALUE, &element.key));
    if let Some(end) = &element.end {
        list.nest(KEY_END, |key| key.put(VALUE, end));
    }
    match element.data.as_ref().filter(|_| with_data) {
        None => {}
        Some(Data::Value(value)) => list.nest(DATA, |data| data.put(VALUE, value)),
        Some(Data::Drop) => verdict(list, DROP, None),
        Some(Data::Goto(chain)) => verdict(list, GOTO, Some(chain)),
        Some(Data::Jump(chain)) => verdict(list, JUMP, Some(chain)),
    }
}

fn verdict(list: &mut Writer, code: i32, chain: Option<&str>) {
    list.nest(DATA, |data| {
        data.nest(VERDICT, |verdict| {
            verdict.put(CODE, &code.to_be_bytes());
            if let Some(chain) = chain {
                verdict.text(CHAIN, chain);
            }
        });
    });
}

/// The elements of a set.
pub(crate) fn list(
    netfilter: &mut Netfilter,
    family: u8,
    table: &str,
    set: &'static str,
) -> io::Result<Vec<Element>> {
    let message = Message {
        kind: GET,
        flags: 0,
        family,
        attributes: names(table, set).bytes,
    };
    let mut elements = Vec::new();
    netfilter.dump_whole(&message, |bytes| {
        let lists = attributes::each(bytes).filter(|(kind, _)| *kind == LIST_ELEMENTS);
        let all = lists.flat_map(|(_, list)| attributes::each(list));
        elements.extend(all.filter_map(|(_, element)| read(set, element)));
    })?;
    Ok(elements)
}

fn read(set: &'static str, bytes: &[u8]) -> Option<Element> {
    let parts = attributes::by_kind(bytes);
    let value = |kind: u16| {
        let data = attributes::by_kind(parts.get(&kind)?);
        Some(data.get(&VALUE)?.to_vec())
    };
    let data = || {
        let data = attributes::by_kind(parts.get(&DATA)?);
        let Some(verdict) = data.get(&VERDICT) else {
            return Some(Data::Value(data.get(&VALUE)?.to_vec()));
        };
        let verdict = attributes::by_kind(verdict);
        match verdict.get(&CHAIN) {
            Some(chain) => {
                let name = chain.strip_suffix(&[0]).unwrap_or(chain);
                let name = String::from_utf8_lossy(name).into_owned();
                Some(match verdict.get(&CODE) == Some(&&JUMP.to_be_bytes()[..]) {
                    true => Data::Jump(name),
                    false => Data::Goto(name),
                })
            }
            None => Some(Data::Drop),
        }
    };
    Some(Element {
        set,
        key: value(KEY)?,
        end: value(KEY_END),
        data: data(),
    })
}
