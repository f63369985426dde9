//! The part of a node's state that is packet rules: masquerading and host ports, and from what pods send.

use std::collections::HashSet;
use std::io;

use crate::{
    Attachment, Degradation, Error, HostPort, RulesError, bridge, forwarding, interface,
    masquerade::{self, Exposed},
    neighbours,
    netfilter::{entry::Entry, watch::Watch},
    sources,
};

use super::Node;
use super::tables::{Table, Tables};

impl Node {
    pub(super) fn set_up_routing(&mut self) {
        for gateway in self.pools.gateways() {
            let enabled = forwarding::enable(gateway.addr());
            self.degradations.extend(enabled.err());
        }
        forwarding::trust_own_address(&self.config.bridge);
        if let Err(degradation) = forwarding::ignore_routers(&self.config.bridge) {
            self.degradations.push(degradation);
        }
        for port in self.ports() {
            forwarding::refuse_ipv6(&port);
        }
        for table in [Table::Masquerade, Table::Neighbours] {
            let made = self.make(table);
            let degradation = made.err().map(|error| degradation(table, error));
            self.degradations.extend(degradation);
        }
        self.look_for_other_filters();
        for degradation in &self.degradations {
            tracing::warn!(bridge = %self.config.bridge, %degradation, "the pod network is degraded");
        }
    }

    /// Looks whether the tables are as they were made, and makes anew what somebody else has changed. Says whether all is well then.
    pub(crate) fn repair(&mut self) -> bool {
        if self.tables.is_err() {
            self.tables = Tables::open(&self.config);
        }
        let mut all = true;
        for table in [Table::Masquerade, Table::Neighbours] {
            all &= self.repair_one(table);
        }
        all
    }

    fn repair_one(&mut self, table: Table) -> bool {
        let tables = match &mut self.tables {
            Ok(tables) => tables,
            // What there cannot be is as well as it can be.
            Err(error) => return *error == RulesError::NftMissing,
        };
        if tables.is_intact(table) == Ok(true) {
            return true;
        }
        let made = self.make(table);
        let is_known = self.degradations.iter().any(|known| is_of(known, table));
        self.degradations.retain(|known| !is_of(known, table));
        let Err(error) = made else {
            tracing::info!(?table, "a table of the pod network is made anew");
            if table == Table::Masquerade {
                self.unserved.clear();
            }
            return true;
        };
        let degradation = degradation(table, error);
        if !is_known {
            tracing::error!(%degradation, "the pod network is degraded");
        }
        self.degradations.push(degradation);
        false
    }

    fn make(&mut self, table: Table) -> Result<(), RulesError> {
        let (text, entries) = match table {
            Table::Masquerade => {
                let ports = self.ports().into_iter();
                let ports = ports.map(|port| sources::of_nobody(&port));
                let entries = ports.chain(self.exposed_entries()).collect();
                (masquerade::ruleset(&self.config), entries)
            }
            Table::Neighbours => {
                let text = neighbours::ruleset(&self.config, self.pools.gateway());
                (text, self.sources())
            }
        };
        let tables = self.tables.as_mut().map_err(|error| error.clone())?;
        tables.make(table, text, &entries)?;
        if table == Table::Masquerade && self.config.pod_cidrs.of_family(true).is_some() {
            let let_out = forwarding::let_loopback_out(&self.config.bridge);
            let is_old = |it: &Degradation| matches!(it, Degradation::NoLoopbackPorts { .. });
            self.degradations.retain(|known| !is_old(known));
            self.degradations.extend(let_out.err());
        }
        Ok(())
    }

    fn exposed_entries(&self) -> Vec<Entry> {
        // Of those that leave, they are taken away already.
        let staying = self.attachments.iter();
        let staying = staying.filter(|(id, _)| !self.leaving.contains_key(*id));
        let exposed = staying.flat_map(|(_, attachment)| exposed(attachment));
        let entries = exposed.flat_map(masquerade::entries);
        entries.collect()
    }

    fn sources(&mut self) -> Vec<Entry> {
        let ports = self.ports().into_iter();
        let of_nobody = ports.map(|port| sources::of_nobody(&port));
        let attached = self.attachments.values().flat_map(sources::of);
        let sources: HashSet<Entry> = of_nobody.chain(attached).collect();
        sources.into_iter().collect()
    }

    /// Of the attachments, and those that belong to none: those go only when it is known which sandboxes live.
    fn ports(&mut self) -> HashSet<String> {
        let ports = bridge::ports(&mut self.host, &self.config.bridge, interface::HOST_PREFIX);
        let mut ports = ports.unwrap_or_default();
        ports.retain(|port| interface::is_host_name(port));
        let attached = self
            .attachments
            .values()
            .map(|it| it.host_interface.clone());
        attached.chain(ports).collect()
    }

    /// What listens for what others change of the tables, since before they were made; `None` where there are none.
    pub(crate) fn watch(&mut self) -> Option<io::Result<Watch>> {
        self.watch.take()
    }

    /// Says from what a pod may send, before its interface is there.
    pub(super) fn bind(&mut self, attachment: &Attachment) -> Result<(), Error> {
        if self.tables.is_err() {
            self.repair();
        }
        // Somebody may just have taken a table away.
        let bound = self.try_bind(attachment).or_else(|_| {
            self.repair();
            self.try_bind(attachment)
        });
        bound.map_err(|source| Error::Source {
            interface: attachment.host_interface.clone(),
            source,
        })
    }

    /// Where there has never been a table, and there cannot be one, a pod starts without; where there may be, not without its elements.
    fn try_bind(&mut self, attachment: &Attachment) -> Result<(), RulesError> {
        let tables = match &mut self.tables {
            Ok(tables) => tables,
            Err(_) => return Ok(()),
        };
        for (table, entries) in bound(attachment) {
            if tables.is_made(table).is_ok() || tables.has_been(table) {
                tables.add(table, &entries)?;
            }
        }
        Ok(())
    }

    /// After a first attach that failed: its interface is to be gone before nothing is held to it any more.
    pub(super) fn abandon(&mut self, attachment: &Attachment) {
        let interface = &attachment.host_interface;
        match interface::remove(&mut self.host, interface) {
            Ok(_) => self.unbind(attachment),
            Err(error) => {
                tracing::warn!(interface, %error, "an interface stays, and may send nothing");
                let stays = sources::of_nobody(interface);
                self.unbind_from(attachment, |entry| *entry != stays);
            }
        }
    }

    /// Its interface is gone, and nothing is held to what stays.
    pub(super) fn unbind(&mut self, attachment: &Attachment) {
        self.unbind_from(attachment, |_| true);
    }

    fn unbind_from(&mut self, attachment: &Attachment, is_removed: impl Fn(&Entry) -> bool) {
        let Ok(tables) = &mut self.tables else {
            return;
        };
        for (table, mut entries) in bound(attachment) {
            entries.retain(&is_removed);
            if tables.is_made(table).is_ok()
                && let Err(error) = tables.remove(table, &entries)
            {
                let interface = &attachment.host_interface;
                tracing::warn!(interface, ?table, %error, "elements of an interface that is gone stay");
            }
        }
    }

    /// Says which tables of others drop what pods send. Not knowing is no fault.
    fn look_for_other_filters(&mut self) {
        let tables = self.tables.as_ref().map_err(Clone::clone);
        match tables.and_then(|tables| tables.nft().tables_that_drop()) {
            Ok(tables) => {
                let filtered = tables
                    .into_iter()
                    .map(|table| Degradation::ForwardingFiltered { table });
                self.degradations.extend(filtered);
            }
            Err(error) => {
                tracing::debug!(%error, "cannot tell whether other rules drop forwarded packets");
            }
        }
    }

    pub(super) fn refuse_taken_ports(&self, id: &str, ports: &[HostPort]) -> Result<(), Error> {
        let ours = self.config.wireguard_port;
        if let Some(port) = ports.iter().find(|port| port.is_udp(ours)) {
            return Err(Error::HostPortOfWireGuard { port: port.clone() });
        }
        let others = self
            .attachments
            .values()
            .filter(|other| other.sandbox_id != id);
        for (holder, held) in
            others.flat_map(|other| other.host_ports.iter().map(move |port| (other, port)))
        {
            if let Some(port) = ports.iter().find(|port| port.conflicts_with(held)) {
                return Err(Error::HostPortInUse {
                    port: port.clone(),
                    holder: holder.sandbox_id.clone(),
                });
            }
        }
        Ok(())
    }

    /// Host ports that cannot be served do not keep a pod from running.
    pub(super) fn expose(&mut self, attachment: &Attachment) {
        if attachment.host_ports.is_empty() {
            return;
        }
        let entries: Vec<Entry> = exposed(attachment).flat_map(masquerade::entries).collect();
        let tables = self.tables.as_mut().map_err(|error| error.clone());
        let Err(reason) = tables.and_then(|tables| tables.add(Table::Masquerade, &entries)) else {
            return;
        };
        let sandbox_id = attachment.sandbox_id.clone();
        let degradation = Degradation::NoHostPorts {
            sandbox_id,
            address: attachment
                .ips
                .first()
                .copied()
                .unwrap_or(attachment.gateway),
            reason,
        };
        tracing::warn!(%degradation, "the pod runs without its host ports");
        self.unserved
            .insert(attachment.sandbox_id.clone(), degradation);
    }

    /// An address must not be free while a host port leads to it, so a failure here is one of detaching.
    pub(super) fn conceal(&mut self, id: &str) -> Result<(), Error> {
        let was_unserved = self.unserved.remove(id).is_some();
        let Some(attachment) = self.attachments.get(id) else {
            return Ok(());
        };
        if let Ok(tables) = &mut self.tables
            && tables.is_made(Table::Masquerade).is_ok()
            && !attachment.host_ports.is_empty()
            && !was_unserved
        {
            let entries: Vec<Entry> = exposed(attachment).flat_map(masquerade::entries).collect();
            tables.remove(Table::Masquerade, &entries)?;
        }
        Ok(())
    }
}

/// What the node does without where there is no such table.
fn degradation(table: Table, error: RulesError) -> Degradation {
    match table {
        Table::Masquerade => Degradation::NoRules(error),
        Table::Neighbours => Degradation::Neighbours(error),
    }
}

fn is_of(known: &Degradation, table: Table) -> bool {
    match table {
        Table::Masquerade => matches!(known, Degradation::NoRules(_)),
        Table::Neighbours => matches!(known, Degradation::Neighbours(_)),
    }
}

/// By what a pod's interface is known to the tables.
fn bound(attachment: &Attachment) -> [(Table, Vec<Entry>); 2] {
    let port = sources::of_nobody(&attachment.host_interface);
    [
        (Table::Neighbours, sources::of(attachment)),
        (Table::Masquerade, vec![port]),
    ]
}

/// The pod's addresses, each with its ports.
fn exposed(attachment: &Attachment) -> impl Iterator<Item = Exposed<'_>> {
    attachment.ips.iter().map(|address| Exposed {
        address: *address,
        ports: &attachment.host_ports,
    })
}
