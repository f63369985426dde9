//! The tables of the service proxy in the kernel: made by `nft`, filled by netlink.

use std::io;

use super::element::{Family, Key, Value};
use super::encode;
use super::layout::Layout;
use crate::error::{RulesError, ServiceProxyError};
use crate::netfilter::conntrack;
use crate::netfilter::elements::Element;
use crate::netfilter::tables::Tables;
use crate::netfilter::watch::Watch;

/// The tables, in the network namespace of the thread that made this.
pub(crate) struct Kernel(Tables<Layout>);

impl Kernel {
    /// For tables in the network namespace of the calling thread.
    pub(crate) fn open(layout: Layout) -> Result<Self, ServiceProxyError> {
        Ok(Self(Tables::open(layout)?))
    }

    /// Listens for what others change of the tables.
    pub(crate) fn watch(&self) -> io::Result<Watch> {
        self.0.watch()
    }

    /// Says anew where the services' addresses are.
    pub(crate) fn declare(&mut self, layout: Layout) -> Result<(), RulesError> {
        self.0.declare(layout)
    }

    /// Has the tables hold exactly this, whatever is in them: what differs is changed in one transaction.
    pub(crate) fn replace(&mut self, wanted: &[(Key, Value)]) -> Result<(), RulesError> {
        self.0.replace(wanted.iter().copied())
    }

    /// Whether they are known to be as they were made, and to hold exactly this. Changes nothing.
    pub(crate) fn is_intact(&mut self, wanted: &[(Key, Value)]) -> Result<bool, RulesError> {
        self.0.is_intact(wanted.iter().copied())
    }

    /// Changes what is there: all of it or nothing.
    pub(crate) fn change(
        &mut self,
        removed: &[(Key, Value)],
        added: &[(Key, Value)],
    ) -> Result<(), RulesError> {
        self.0.change(removed, added)
    }

    /// The clients of a family that are remembered.
    pub(crate) fn affinities(&mut self, family: Family) -> Result<Vec<Element>, ServiceProxyError> {
        let listed = self.0.list(family, &encode::AFFINITY);
        listed.map_err(ServiceProxyError::Netlink)
    }

    /// Forgets clients. Those that have been forgotten meanwhile are no matter: all but they are found in halves of halves.
    pub(crate) fn forget_clients(
        &mut self,
        family: Family,
        clients: &[Element],
    ) -> Result<(), ServiceProxyError> {
        match self.0.remove(family, clients.to_vec()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done.map_err(ServiceProxyError::Netlink),
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
        conntrack::udp_flows(self.0.netfilter(), family.number())
            .map_err(ServiceProxyError::Netlink)
    }

    /// Has the kernel choose an endpoint anew for the next packet of these flows.
    pub(crate) fn forget_flows(
        &mut self,
        flows: &[conntrack::Flow],
    ) -> Result<(), ServiceProxyError> {
        flows
            .iter()
            .try_for_each(|flow| conntrack::forget(self.0.netfilter(), flow))
            .map_err(ServiceProxyError::Netlink)
    }
}
