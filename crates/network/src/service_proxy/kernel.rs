//! The tables of the service proxy in the kernel: made by `nft`, filled by netlink.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use super::element::{Family, Key, Value};
use super::layout::{self, Layout};
use super::{chains, encode};
use crate::error::{RulesError, ServiceProxyError};
use crate::netfilter::chains::Rule;
use crate::netfilter::elements::{self, Element, Transaction};
use crate::netfilter::{Netfilter, conntrack};
use crate::nft::Nft;

/// Both, in the order in which they are looked at.
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];
/// The maps and sets that hold what services are.
const SETS: [&str; 19] = [
    "cluster-ips",
    "external-ips",
    "hairpin",
    "firewalled",
    "allowed-sources",
    "services",
    "node-ports",
    "inside-services",
    "inside-node-ports",
    "endpoints",
    "node-port-endpoints",
    "inside-endpoints",
    "inside-node-port-endpoints",
    "sources",
    "node-port-sources",
    "remember-services",
    "remember-node-ports",
    "unserved",
    "unserved-node-ports",
];

/// A chain to be made, with its rules.
type Chain = (Family, String, Vec<Rule>);

/// The tables, in the network namespace of the thread that made this.
pub(crate) struct Kernel {
    layout: Layout,
    nft: Nft,
    netfilter: Netfilter,
    /// The families whose table is as this process has declared it, with the chains that it has made beside.
    tables: HashMap<Family, HashSet<String>>,
}

impl Kernel {
    /// For tables in the network namespace of the calling thread.
    pub(crate) fn open(layout: Layout) -> Result<Self, ServiceProxyError> {
        Ok(Self {
            layout,
            nft: Nft::find()?,
            netfilter: Netfilter::open().map_err(ServiceProxyError::Netlink)?,
            tables: HashMap::new(),
        })
    }

    /// Says anew where the services' addresses are.
    pub(crate) fn declare(&mut self, layout: Layout) -> Result<(), ServiceProxyError> {
        self.layout = layout;
        let text = self
            .tables
            .keys()
            .map(|family| layout::declaration(&self.layout, *family));
        Ok(self.nft.apply(&text.collect::<String>())?)
    }

    /// Has the tables hold exactly this, whatever is in them: what differs is changed in one transaction.
    pub(crate) fn replace(&mut self, wanted: &[(Key, Value)]) -> Result<(), ServiceProxyError> {
        self.tables.clear();
        let chains = self.make(wanted)?;
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for family in FAMILIES {
            if !self.tables.contains_key(&family) {
                let leftover = layout::removal(&self.layout.table, family);
                // A host without IPv6 cannot have one.
                let gone = self.nft.apply(&leftover);
                tracing::debug!(?gone, %family, "no service has addresses of this family");
                continue;
            }
            let of_family = wanted.iter().filter(|(key, _)| key.family() == family);
            let wanted: HashSet<Element> = of_family
                .map(|(key, value)| encode::element(key, value))
                .collect();
            // The kernel may list an element twice when others change meanwhile.
            let there: HashSet<Element> = self.list(family, &SETS)?.into_iter().collect();
            removed.push((family, there.difference(&wanted).cloned().collect()));
            let mut missing: Vec<Element> = wanted.difference(&there).cloned().collect();
            missing.sort_by_key(|element| element.set);
            added.push((family, missing));
        }
        self.commit(&chains, &removed, &added)
    }

    /// Changes what is there: all of it or nothing.
    pub(crate) fn change(
        &mut self,
        removed: &[(Key, Value)],
        added: &[(Key, Value)],
    ) -> Result<(), ServiceProxyError> {
        let chains = self.make(added)?;
        let encoded = |elements: &[(Key, Value)]| {
            FAMILIES.map(|family| {
                let of_family = elements.iter().filter(|(key, _)| key.family() == family);
                let of_family = of_family.map(|(key, value)| encode::element(key, value));
                (family, of_family.collect::<Vec<_>>())
            })
        };
        self.commit(&chains, &encoded(removed), &encoded(added))
    }

    /// The clients of a family that are remembered.
    pub(crate) fn affinities(&mut self, family: Family) -> Result<Vec<Element>, ServiceProxyError> {
        self.list(family, &encode::AFFINITY)
    }

    /// Forgets clients. Those that have been forgotten meanwhile are no matter: all but they are found in halves of halves.
    pub(crate) fn forget_clients(
        &mut self,
        family: Family,
        clients: &[Element],
    ) -> Result<(), ServiceProxyError> {
        let all = self.commit(&[], &[(family, clients.to_vec())], &[]);
        if !is_absent(&all) {
            return all;
        }
        if clients.len() < 2 {
            return Ok(());
        }
        let (first, second) = clients.split_at(clients.len() / 2);
        self.forget_clients(family, first)?;
        self.forget_clients(family, second)
    }

    /// The flows of UDP.
    pub(crate) fn udp_flows(
        &mut self,
        family: Family,
    ) -> Result<Vec<conntrack::Flow>, ServiceProxyError> {
        conntrack::udp_flows(&mut self.netfilter, family.number())
            .map_err(ServiceProxyError::Netlink)
    }

    /// Has the kernel choose an endpoint anew for the next packet of these flows.
    pub(crate) fn forget_flows(
        &mut self,
        flows: &[conntrack::Flow],
    ) -> Result<(), ServiceProxyError> {
        flows
            .iter()
            .try_for_each(|flow| conntrack::forget(&mut self.netfilter, flow))
            .map_err(ServiceProxyError::Netlink)
    }

    /// Makes the tables that elements need; returns the chains that they need. What is known to be there is left.
    fn make(&mut self, elements: &[(Key, Value)]) -> Result<Vec<Chain>, ServiceProxyError> {
        let (mut text, mut chains) = (String::new(), Vec::new());
        let mut tables = self.tables.clone();
        for (key, value) in elements {
            let family = key.family();
            let known = tables.entry(family).or_insert_with(|| {
                text.push_str(&layout::declaration(&self.layout, family));
                HashSet::new()
            });
            let Some(rules) = chains::rules(key, value) else {
                continue;
            };
            if let Some(name) = chains::chain(key, value)
                && known.insert(name.clone())
            {
                chains.push((family, name, rules));
            }
        }
        self.run(&text, &tables)?;
        self.tables = tables;
        Ok(chains)
    }

    /// Has `nft` carry out what is to be done for these tables.
    fn run(&self, text: &str, tables: &HashMap<Family, HashSet<String>>) -> Result<(), RulesError> {
        if text.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.nft.apply(text) {
            if matches!(error, RulesError::NftMissing) {
                return Err(error);
            }
            // A table of another version of this program, most likely: it goes, in the same transaction that makes the new one.
            let removal = |family: &Family| layout::removal(&self.layout.table, *family);
            let new = tables
                .keys()
                .filter(|family| !self.tables.contains_key(family));
            let anew = new.map(removal).collect::<String>() + text;
            tracing::info!(%error, "the tables of services are made anew");
            self.nft.apply(&anew)?;
        }
        Ok(())
    }

    fn list(
        &mut self,
        family: Family,
        sets: &[&'static str],
    ) -> Result<Vec<Element>, ServiceProxyError> {
        let mut all = Vec::new();
        for set in sets {
            let listed = elements::list(
                &mut self.netfilter,
                family.number(),
                &self.layout.table,
                set,
            );
            all.extend(listed.map_err(ServiceProxyError::Netlink)?);
        }
        Ok(all)
    }

    fn commit(
        &mut self,
        chains: &[Chain],
        removed: &[(Family, Vec<Element>)],
        added: &[(Family, Vec<Element>)],
    ) -> Result<(), ServiceProxyError> {
        let mut transaction = Transaction::new(&self.layout.table);
        for (family, name, rules) in chains {
            transaction.chain(family.number(), name, rules);
        }
        for (family, elements) in removed {
            transaction.remove(family.number(), elements);
        }
        for (family, elements) in added {
            transaction.add(family.number(), elements);
        }
        transaction
            .commit(&mut self.netfilter)
            .map_err(ServiceProxyError::Netlink)
    }
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

fn is_absent(done: &Result<(), ServiceProxyError>) -> bool {
    matches!(done, Err(ServiceProxyError::Netlink(error)) if error.kind() == io::ErrorKind::NotFound)
}
