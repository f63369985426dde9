//! What a table is made of beside its elements: by this it is told whether somebody else has changed it.

use std::collections::BTreeSet;
use std::io;

use super::attributes::{self, MAX_LENGTH, Writer};
use super::socket::{Message, NFTABLES, Netfilter};
use crate::netlink::is_absent;

/// `NFT_MSG_GETTABLE`, `NFT_MSG_GETCHAIN`, `NFT_MSG_GETRULE` and `NFT_MSG_GETSET`, each with what is looked at of its answers beside the name
/// of the table, which is the first attribute of all: names, flags, hooks, policies, and the handles, which the kernel gives anew to whatever
/// is made anew.
const PARTS: [(u16, &[u16]); 4] = [
    (NFTABLES | 1, &[2, 4]),
    (CHAINS, &[2, CHAIN_NAME, 4, 5, 7]),
    (RULES, &[RULE_CHAIN, 3]),
    (SETS, &[2, 16]),
];
const CHAINS: u16 = NFTABLES | 4;
const RULES: u16 = NFTABLES | 7;
const SETS: u16 = NFTABLES | 10;
/// `NFTA_CHAIN_NAME` and `NFTA_RULE_CHAIN`.
const CHAIN_NAME: u16 = 3;
const RULE_CHAIN: u16 = 2;
/// `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, `NFTA_RULE_TABLE` and `NFTA_SET_TABLE`.
const TABLE: u16 = 1;

/// A table's own parts. Of two looks between which nobody has changed any, they are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Structure(BTreeSet<Part>);

/// By the chain that it is, or is in; those that are in none have no name.
type Part = (Vec<u8>, Vec<u8>);

impl Structure {
    /// `None` where there is no such table. `family`: `NFPROTO_*`.
    pub(crate) fn of(
        netfilter: &mut Netfilter,
        family: u8,
        table: &str,
    ) -> io::Result<Option<Self>> {
        let mut parts = BTreeSet::new();
        for (kind, looked_at) in PARTS {
            // Of tables and chains the kernel tells of all that there are; of rules and sets there may be many that are others'.
            let mut asked = Writer::default();
            if [RULES, SETS].contains(&kind) {
                asked.text(TABLE, table);
            }
            let message = Message {
                kind,
                flags: 0,
                family,
                attributes: asked.bytes,
            };
            let dumped = netfilter.dump_whole(&message, |bytes| {
                let said = attributes::by_kind(bytes);
                if said.get(&TABLE).is_some_and(|name| is(name, table)) {
                    let chain = match kind {
                        CHAINS => said.get(&CHAIN_NAME),
                        RULES => said.get(&RULE_CHAIN),
                        _ => None,
                    };
                    let chain = chain.map(|name| name.strip_suffix(&[0]).unwrap_or(name));
                    let values = looked_at.iter().map(|kind| said.get(kind).copied());
                    parts.insert((chain.unwrap_or_default().to_vec(), part(kind, values)));
                }
            });
            match dumped {
                Err(error) if is_absent(&error) => {}
                done => done?,
            }
        }
        Ok((!parts.is_empty()).then_some(Self(parts)))
    }

    /// Whether it is the other, but for these chains.
    pub(crate) fn differs_by_chains(&self, other: &Self, chains: &[&str]) -> bool {
        let others = |it: &&Part| chains.iter().all(|chain| chain.as_bytes() != it.0);
        self.0
            .iter()
            .filter(others)
            .eq(other.0.iter().filter(others))
    }
}

/// The names of a family's tables.
pub(crate) fn tables(netfilter: &mut Netfilter, family: u8) -> io::Result<Vec<String>> {
    let message = Message {
        kind: PARTS[0].0,
        flags: 0,
        family,
        attributes: Vec::new(),
    };
    let mut tables = Vec::new();
    netfilter.dump_whole(&message, |bytes| {
        let name = attributes::by_kind(bytes).get(&TABLE).copied();
        let name = name.map(|name| name.strip_suffix(&[0]).unwrap_or(name));
        tables.extend(name.map(|name| String::from_utf8_lossy(name).into_owned()));
    })?;
    Ok(tables)
}

/// Whether a text of the kernel's, which ends with a zero, is this.
fn is(said: &[u8], text: &str) -> bool {
    said.strip_suffix(&[0]).unwrap_or(said) == text.as_bytes()
}

fn part<'a>(kind: u16, values: impl Iterator<Item = Option<&'a [u8]>>) -> Vec<u8> {
    let mut part = kind.to_be_bytes().to_vec();
    for value in values {
        // No attribute is as long as what stands for none.
        let length = value.map_or(MAX_LENGTH, <[u8]>::len);
        part.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        part.extend_from_slice(value.unwrap_or_default());
    }
    part
}
