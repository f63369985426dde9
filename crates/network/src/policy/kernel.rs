//! The tables of policies in the kernel: made by `nft`, filled by netlink.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;

use super::element::{Elements, Key, Value};
use super::verdict::{self, Packet};
use super::{chains, encode, layout};
use crate::error::{PolicyError, RulesError};
use crate::family::Family;
use crate::netfilter::elements::{self, Element, Transaction};
use crate::netfilter::{Netfilter, conntrack};
use crate::nft::Nft;

/// Both, in the order in which they are looked at.
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
/// The maps and sets that hold what policies are. What others lead to comes first.
const SETS: [&str; 10] = [
    "isolated",
    "itself",
    "ports",
    "identities",
    "ingress-pairs",
    "egress-pairs",
    "ingress-blocks",
    "egress-blocks",
    "ingress-groups",
    "egress-groups",
];

/// The tables, in the network namespace of the thread that made this.
pub(crate) struct Kernel {
    table: String,
    nft: Nft,
    netfilter: Netfilter,
    /// The families whose table is as this process has declared it.
    tables: HashSet<Family>,
}

/// Elements to be removed and to be added.
pub(crate) type Change = (Vec<(Key, Value)>, Vec<(Key, Value)>);

impl Kernel {
    /// For tables in the network namespace of the calling thread.
    pub(crate) fn open(table: &str) -> Result<Self, PolicyError> {
        Ok(Self {
            table: table.to_owned(),
            nft: Nft::find()?,
            netfilter: Netfilter::open().map_err(PolicyError::Netlink)?,
            tables: HashSet::new(),
        })
    }

    /// Has the tables hold exactly this, whatever is in them: what differs is changed in one transaction.
    pub(crate) fn replace(&mut self, wanted: &Elements) -> Result<(), PolicyError> {
        self.tables.clear();
        let made = self.make(wanted.keys())?;
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for family in FAMILIES {
            if !self.tables.contains(&family) {
                // A host without IPv6 cannot have one.
                let gone = self.nft.apply(&layout::removal(&self.table, family));
                tracing::debug!(?gone, %family, "no policy is of this family");
                continue;
            }
            let of_family = wanted.iter().filter(|(key, _)| key.family() == family);
            let mut missing: HashSet<Element> = of_family
                .map(|(key, value)| encode::element(key, value))
                .collect();
            let mut extra = Vec::new();
            for set in SETS {
                let listed = elements::list(&mut self.netfilter, family.number(), &self.table, set);
                extra.extend(listed.map_err(PolicyError::Netlink)?);
            }
            extra.retain(|element| !missing.remove(element));
            let mut missing: Vec<Element> = missing.into_iter().collect();
            missing.sort_by_key(|element| element.set);
            removed.push((family, extra));
            added.push((family, missing));
        }
        self.commit(&made, &removed, &added)
    }

    /// Changes what is there: all of it or nothing.
    pub(crate) fn change(&mut self, (removed, added): &Change) -> Result<(), PolicyError> {
        let made = self.make(added.iter().map(|(key, _)| key))?;
        let encoded = |elements: &[(Key, Value)]| {
            FAMILIES.map(|family| {
                let of_family = elements.iter().filter(|(key, _)| key.family() == family);
                let of_family = of_family.map(|(key, value)| encode::element(key, value));
                (family, of_family.collect::<Vec<_>>())
            })
        };
        self.commit(&made, &encoded(removed), &encoded(added))
    }

    /// Ends the connections that go on and would not be let through if they began now. Returns how many.
    pub(crate) fn cut(&mut self, wanted: &Elements) -> Result<usize, PolicyError> {
        let host: HashSet<IpAddr> = host_addresses().map_err(PolicyError::Netlink)?;
        let mut cut = 0;
        for family in FAMILIES {
            if !self.tables.contains(&family) {
                continue;
            }
            let flows = conntrack::flows(&mut self.netfilter, family.number());
            for flow in flows.map_err(PolicyError::Netlink)? {
                let packet = Packet {
                    from: flow.client.ip(),
                    to: flow.answers.ip(),
                    protocol: flow.protocol,
                    port: flow.answers.port(),
                };
                let is_of_host = host.contains(&packet.from) || host.contains(&packet.to);
                if !is_of_host && !verdict::allows(wanted, &packet) {
                    conntrack::forget(&mut self.netfilter, &flow).map_err(PolicyError::Netlink)?;
                    cut += 1;
                }
            }
        }
        Ok(cut)
    }

    /// Makes the tables that elements need; returns those whose chains are to be filled. What is known to be there is left.
    fn make<'a>(
        &mut self,
        keys: impl Iterator<Item = &'a Key>,
    ) -> Result<Vec<Family>, PolicyError> {
        let needed: HashSet<Family> = keys.map(Key::family).collect();
        let new: Vec<Family> = needed.difference(&self.tables).copied().collect();
        let text = |write: fn(&str, Family) -> String| -> String {
            new.iter()
                .map(|family| write(&self.table, *family))
                .collect()
        };
        let declaration = text(layout::declaration);
        if let Err(error) = self.nft.apply(&declaration) {
            if matches!(error, RulesError::NftMissing) {
                return Err(error.into());
            }
            // A table of another version of this program, most likely: it goes, in the same transaction that makes the new one.
            tracing::info!(%error, "the tables of policies are made anew");
            self.nft.apply(&(text(layout::removal) + &declaration))?;
        }
        self.tables.extend(&new);
        Ok(new)
    }

    fn commit(
        &mut self,
        made: &[Family],
        removed: &[(Family, Vec<Element>)],
        added: &[(Family, Vec<Element>)],
    ) -> Result<(), PolicyError> {
        let mut transaction = Transaction::new(&self.table);
        for family in made {
            for (name, rules) in chains::rules() {
                transaction.chain(family.number(), name, &rules);
            }
        }
        for (family, elements) in removed {
            transaction.remove(family.number(), elements);
        }
        for (family, elements) in added {
            transaction.add(family.number(), elements);
        }
        let committed = transaction.commit(&mut self.netfilter);
        committed.map_err(|error| {
            // Whatever was made has no rules: it is made again.
            self.tables.retain(|family| !made.contains(family));
            PolicyError::Netlink(error)
        })
    }
}

fn host_addresses() -> std::io::Result<HashSet<IpAddr>> {
    let addresses = getifaddrs()?.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))
    });
    Ok(addresses.collect())
}

/// Removes the tables, in the network namespace of the calling thread.
pub(crate) fn remove_tables(table: &str) -> Result<(), RulesError> {
    let nft = match Nft::find() {
        // No table was made without it.
        Err(RulesError::NftMissing) => return Ok(()),
        found => found?,
    };
    nft.apply(&layout::removal(table, Family::V4))?;
    if Path::new("/proc/sys/net/ipv6").exists() {
        nft.apply(&layout::removal(table, Family::V6))?;
    }
    Ok(())
}
