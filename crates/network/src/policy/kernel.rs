//! The tables of policies in the kernel: made by `nft`, filled by netlink.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;

use super::element::{Elements, Key, Value};
use super::verdict::{self, Packet};
use super::{chains, encode, layout};
use crate::error::{PolicyError, RulesError};
use crate::family::Family;
use crate::netfilter::chains::Rule;
use crate::netfilter::elements::{self, Element, Transaction};
use crate::netfilter::{self, Netfilter, conntrack};
use crate::nft::Nft;

/// Both, in the order in which they are looked at.
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
/// The maps and sets that hold what policies are.
const SETS: [&str; 11] = [
    "isolated",
    "itself",
    "ingress-isolated",
    "egress-isolated",
    "ingress-identities",
    "egress-identities",
    "ingress-pairs",
    "egress-pairs",
    "ingress-blocks",
    "egress-blocks",
    "ports",
];

/// The tables, in the network namespace of the thread that made this.
pub(crate) struct Kernel {
    table: String,
    nft: Nft,
    netfilter: Netfilter,
    /// The families whose table is as this process has declared it, with the chains of verdicts that it has made.
    tables: HashMap<Family, HashSet<String>>,
}

/// Elements to be removed and to be added.
pub(crate) type Change = (Vec<(Key, Value)>, Vec<(Key, Value)>);

/// What is changed in one transaction.
#[derive(Default)]
struct Changes {
    /// Chains to be made, with their rules.
    made: Vec<(Family, String, Rule)>,
    removed: Vec<(Family, Vec<Element>)>,
    added: Vec<(Family, Vec<Element>)>,
    /// Chains that nothing leads to any more.
    left: Vec<(Family, String)>,
}

impl Kernel {
    /// For tables in the network namespace of the calling thread.
    pub(crate) fn open(table: &str) -> Result<Self, PolicyError> {
        Ok(Self {
            table: table.to_owned(),
            nft: Nft::find()?,
            netfilter: Netfilter::open().map_err(PolicyError::Netlink)?,
            tables: HashMap::new(),
        })
    }

    /// Has the tables hold exactly this, whatever is in them: what differs is changed in one transaction.
    pub(crate) fn replace(&mut self, wanted: &Elements) -> Result<(), PolicyError> {
        self.tables.clear();
        let mut changes = Changes {
            made: self.make(wanted.iter())?,
            ..Changes::default()
        };
        for family in FAMILIES {
            let Some(chains) = self.tables.get(&family) else {
                // A host without IPv6 cannot have one.
                let gone = self.nft.apply(&layout::removal(&self.table, family));
                tracing::debug!(?gone, %family, "no policy is of this family");
                continue;
            };
            let known = netfilter::chains::list(&mut self.netfilter, family.number(), &self.table);
            let mut left = known.map_err(PolicyError::Netlink)?;
            left.retain(|name| chains::is_of_verdict(name) && !chains.contains(name));
            changes
                .left
                .extend(left.into_iter().map(|name| (family, name)));
            let of_family = wanted.iter().filter(|(key, _)| key.family() == family);
            let wanted: HashSet<Element> = of_family
                .map(|(key, value)| encode::element(key, value))
                .collect();
            // The kernel may list an element twice when others change meanwhile.
            let mut there: HashSet<Element> = HashSet::new();
            for set in SETS {
                let listed = elements::list(&mut self.netfilter, family.number(), &self.table, set);
                there.extend(listed.map_err(PolicyError::Netlink)?);
            }
            let extra = there.difference(&wanted).cloned().collect();
            changes.removed.push((family, extra));
            let mut missing: Vec<Element> = wanted.difference(&there).cloned().collect();
            missing.sort_by_key(|element| element.set);
            changes.added.push((family, missing));
        }
        self.commit(&changes)
    }

    /// Changes what is there: all of it or nothing. Chains that nothing leads to any more stay until the next [`Kernel::replace`].
    pub(crate) fn change(&mut self, (removed, added): &Change) -> Result<(), PolicyError> {
        let encoded = |elements: &[(Key, Value)]| {
            let of = |family| {
                let of_family = elements.iter().filter(|(key, _)| key.family() == family);
                let of_family = of_family.map(|(key, value)| encode::element(key, value));
                (family, of_family.collect())
            };
            FAMILIES.map(of).into()
        };
        let changes = Changes {
            made: self.make(added.iter().map(|(key, value)| (key, value)))?,
            removed: encoded(removed),
            added: encoded(added),
            left: Vec::new(),
        };
        self.commit(&changes)
    }

    /// Ends the connections that go on and would not be let through if they began now. Returns how many. One that cannot be ended does not
    /// keep the others: the first error comes at the end.
    pub(crate) fn cut(&mut self, wanted: &Elements) -> Result<usize, PolicyError> {
        let host: HashSet<IpAddr> = host_addresses().map_err(PolicyError::Netlink)?;
        let (mut cut, mut failed) = (0, None);
        for family in FAMILIES {
            if !self.tables.contains_key(&family) {
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
                    match conntrack::forget(&mut self.netfilter, &flow) {
                        Ok(()) => cut += 1,
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
            }
        }
        failed.map_or(Ok(cut), |error| Err(PolicyError::Netlink(error)))
    }

    /// Makes the tables that elements need; returns the chains that they need. What is known to be there is left.
    fn make<'a>(
        &mut self,
        elements: impl Iterator<Item = (&'a Key, &'a Value)>,
    ) -> Result<Vec<(Family, String, Rule)>, PolicyError> {
        let (mut tables, mut made) = (self.tables.clone(), Vec::new());
        for (key, value) in elements {
            let known = tables.entry(key.family()).or_default();
            if let (Some(name), Some(rule)) = (chains::chain(key, value), chains::rule(key, value))
                && known.insert(name.clone())
            {
                made.push((key.family(), name, rule));
            }
        }
        let new: Vec<Family> = FAMILIES
            .into_iter()
            .filter(|family| tables.contains_key(family) && !self.tables.contains_key(family))
            .collect();
        self.declare(&new)?;
        self.tables = tables;
        Ok(made)
    }

    fn declare(&self, families: &[Family]) -> Result<(), RulesError> {
        let text = |write: fn(&str, Family) -> String| -> String {
            let texts = families.iter().map(|family| write(&self.table, *family));
            texts.collect()
        };
        let declaration = text(layout::declaration);
        let Err(error) = self.nft.apply(&declaration) else {
            return Ok(());
        };
        if matches!(error, RulesError::NftMissing) {
            return Err(error);
        }
        // A table of another version of this program, most likely: it goes, in the same transaction that makes the new one.
        tracing::info!(%error, "the tables of policies are made anew");
        self.nft.apply(&(text(layout::removal) + &declaration))
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), PolicyError> {
        let mut transaction = Transaction::new(&self.table);
        for (family, name, rule) in &changes.made {
            transaction.chain(family.number(), name, std::slice::from_ref(rule));
        }
        for (family, elements) in &changes.removed {
            transaction.remove(family.number(), elements);
        }
        for (family, elements) in &changes.added {
            transaction.add(family.number(), elements);
        }
        for (family, name) in &changes.left {
            transaction.remove_chain(family.number(), name);
        }
        let committed = transaction.commit(&mut self.netfilter);
        committed.map_err(PolicyError::Netlink)
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
