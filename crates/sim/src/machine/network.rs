//! Addresses without packets.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use async_trait::async_trait;
use navarch_network::PodRequest;
use navarch_node::Network;
use navarch_node::ports::NetworkError;
use parking_lot::Mutex;

/// The addresses of a machine's sandboxes.
pub(crate) struct Wires {
    machine: u8,
    attached: Mutex<BTreeMap<String, Ipv4Addr>>,
}

impl Wires {
    pub(crate) fn new(machine: u8) -> Self {
        Self {
            machine,
            attached: Mutex::default(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.attached.lock().len()
    }

    pub(crate) fn power_off(&self) {
        self.attached.lock().clear();
    }
}

#[async_trait]
impl Network for Wires {
    async fn attach(&self, id: &str, _: &Path, _: PodRequest) -> Result<Vec<IpAddr>, NetworkError> {
        let mut attached = self.attached.lock();
        if let Some(address) = attached.get(id) {
            return Ok(vec![(*address).into()]);
        }
        let taken: HashSet<Ipv4Addr> = attached.values().copied().collect();
        let mut all = (2..=254).map(|host| Ipv4Addr::new(10, 244, self.machine, host));
        let free = all.find(|address| !taken.contains(address));
        let free = free.ok_or_else(|| NetworkError("no address is free".into()))?;
        attached.insert(id.to_owned(), free);
        Ok(vec![free.into()])
    }

    async fn detach(&self, id: &str) -> Result<(), NetworkError> {
        self.attached.lock().remove(id);
        Ok(())
    }

    async fn attached(&self) -> Result<HashMap<String, Vec<IpAddr>>, NetworkError> {
        let attached = self.attached.lock();
        let all = attached.iter();
        Ok(all
            .map(|(id, address)| (id.clone(), vec![(*address).into()]))
            .collect())
    }

    async fn reconcile(&self, live: HashSet<String>) -> Result<(), NetworkError> {
        self.attached.lock().retain(|id, _| live.contains(id));
        Ok(())
    }
}
