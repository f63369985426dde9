//! The tables of policies in the kernel: made by `nft`, filled by netlink.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

use super::element::{Elements, Key, Value};
use super::layout::Layout;
use super::verdict::{self, Packet};
use crate::error::{PolicyError, RulesError};
use crate::netfilter::conntrack;
use crate::netfilter::tables::{FAMILIES, Tables};
use crate::netfilter::watch::Watch;

/// The tables, in the network namespace of the thread that made this.
pub(crate) struct Kernel(Tables<Layout>);

/// Elements to be removed and to be added.
pub(crate) type Change = (Vec<(Key, Value)>, Vec<(Key, Value)>);

impl Kernel {
    /// For tables in the network namespace of the calling thread.
    pub(crate) fn open(table: &str) -> Result<Self, PolicyError> {
        Ok(Self(Tables::open(Layout(table.to_owned()))?))
    }

    /// Listens for what others change of the tables.
    pub(crate) fn watch(&self) -> io::Result<Watch> {
        self.0.watch()
    }

    /// Has the tables hold exactly this, whatever is in them: what differs is changed in one transaction.
    pub(crate) fn replace(&mut self, wanted: &Elements) -> Result<(), RulesError> {
        self.0.replace(records(wanted))
    }

    /// Whether they are known to be as they were made, and to hold exactly this. Changes nothing.
    pub(crate) fn is_intact(&mut self, wanted: &Elements) -> Result<bool, RulesError> {
        self.0.is_intact(records(wanted))
    }

    /// Changes what is there: all of it or nothing. Chains that nothing leads to any more stay until the next [`Kernel::replace`].
    pub(crate) fn change(&mut self, (removed, added): &Change) -> Result<(), RulesError> {
        self.0.change(removed, added)
    }

    /// For tests of what is when `nft` refuses.
    #[cfg(test)]
    pub(crate) fn run_instead_of_nft(&mut self, program: &str) {
        self.0.run_instead_of_nft(program);
    }

    /// Ends the connections that go on and would not be let through if they began now. `touched`: those of these addresses; `None` is all.
    /// Returns how many. One that cannot be ended does not keep the others: the first error comes at the end.
    pub(crate) fn cut(
        &mut self,
        wanted: &Elements,
        touched: Option<&HashSet<IpAddr>>,
    ) -> Result<usize, PolicyError> {
        let host: HashSet<IpAddr> = host_addresses().map_err(PolicyError::Netlink)?;
        let is_touched = |ip: IpAddr| touched.is_none_or(|touched| touched.contains(&ip));
        let (mut cut, mut failed) = (0, None);
        for family in FAMILIES {
            if !self.0.has(family) {
                continue;
            }
            let flows = conntrack::flows(self.0.netfilter(), family.number(), |client, answers| {
                is_touched(client) || is_touched(answers)
            });
            for flow in flows.map_err(PolicyError::Netlink)? {
                let packet = Packet {
                    from: flow.client.ip(),
                    to: flow.answers.ip(),
                    protocol: flow.protocol,
                    port: flow.answers.port(),
                };
                let here = Key::Here(packet.to, packet.protocol, packet.port);
                let is_of_host = host.contains(&packet.from)
                    || (host.contains(&packet.to) && !wanted.contains_key(&here));
                if !is_of_host && !verdict::allows(wanted, &packet) {
                    match conntrack::forget(self.0.netfilter(), &flow) {
                        Ok(()) => cut += 1,
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
            }
        }
        failed.map_or(Ok(cut), |error| Err(PolicyError::Netlink(error)))
    }
}

fn records(elements: &Elements) -> impl Iterator<Item = (Key, Value)> {
    elements.iter().map(|(key, value)| (*key, *value))
}

fn host_addresses() -> std::io::Result<HashSet<IpAddr>> {
    let addresses = getifaddrs()?.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))
    });
    Ok(addresses.collect())
}
