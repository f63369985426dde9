//! Node ports.

use std::collections::BTreeSet;

use navarch_api::core::service::node_ports::NodePorts;
use navarch_store::Snapshot;

use super::{Held, Services, choose};

/// What a trial is given when it asks for any port and has none yet, as in Kubernetes.
const TRIED: i32 = 32_769;

/// The ports of the cluster's nodes, as one service sees them.
pub(super) struct Ports<'a> {
    services: &'a Services,
    snapshot: &'a dyn Snapshot,
    /// Whether nothing is to be kept: then nobody looks for a free one, or whether there is such a port.
    dry_run: bool,
    /// What the service has taken already.
    taken: BTreeSet<i32>,
}

impl<'a> Ports<'a> {
    pub(super) fn new(services: &'a Services, snapshot: &'a dyn Snapshot, dry_run: bool) -> Self {
        Self {
            services,
            snapshot,
            dry_run,
            taken: BTreeSet::new(),
        }
    }

    fn is_free(&self, port: i32) -> bool {
        let held =
            u16::try_from(port).is_ok_and(|port| self.snapshot.get(&port_key(port)).is_some());
        !held && !self.taken.contains(&port)
    }

    fn find(&self) -> Option<i32> {
        let (first, last) = (self.services.ports.start(), self.services.ports.end());
        let total = u32::from(*last).saturating_sub(u32::from(*first)) + 1;
        let reserved = if total <= 16 {
            0
        } else {
            (total / 32).clamp(16, 128)
        };
        let port = |index: u32| i32::from(*first).saturating_add_unsigned(index);
        choose(total, reserved, |index| self.is_free(port(index))).map(port)
    }
}

impl NodePorts for Ports<'_> {
    fn take(&mut self, port: i32) -> Result<(), String> {
        let range = &self.services.ports;
        let offered = u16::try_from(port).is_ok_and(|port| range.contains(&port));
        if !offered && !self.dry_run {
            let (first, last) = (range.start(), range.end());
            return Err(format!(
                "provided port is not in the valid range. The range of valid ports is {first}-{last}"
            ));
        }
        if !self.is_free(port) {
            return Err("provided port is already allocated".to_owned());
        }
        self.taken.insert(port);
        Ok(())
    }

    fn take_any(&mut self) -> Result<i32, String> {
        let any = if self.dry_run {
            self.taken
                .last()
                .map_or(TRIED, |last| last.saturating_add(1))
        } else {
            self.find().ok_or("range is full")?
        };
        self.taken.insert(any);
        Ok(any)
    }
}

/// The keys of ports that are held by the first and not by the second.
pub(super) fn keys(held: &Held, not: &Held) -> Vec<String> {
    let ports = held.ports.iter().filter(|port| !not.ports.contains(port));
    ports.copied().map(port_key).collect()
}

fn port_key(port: u16) -> String {
    format!("nodeports/{port}")
}
