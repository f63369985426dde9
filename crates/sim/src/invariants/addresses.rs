//! No address is given twice.

use crate::witness::{Change, Invariant, State};

/// Services have addresses and node ports of their own, nodes ranges of their own for their pods.
pub struct UniqueAddresses;

impl Invariant for UniqueAddresses {
    fn see(&mut self, change: &Change, state: &State) -> Result<(), String> {
        match change {
            Change::Service(_, Some(_)) => Self::services(state),
            Change::Node(_, Some(_)) => Self::ranges(state),
            _ => Ok(()),
        }
    }
}

impl UniqueAddresses {
    fn ranges(state: &State) -> Result<(), String> {
        let specs = state.nodes.values().filter_map(|node| node.spec.as_ref());
        let mut ranges: Vec<&str> = specs
            .flat_map(|spec| spec.pod_cidrs.iter().flatten())
            .map(String::as_str)
            .collect();
        twice(&mut ranges)
    }

    fn services(state: &State) -> Result<(), String> {
        let mut addresses: Vec<&str> = Vec::new();
        let mut ports: Vec<(i32, &str)> = Vec::new();
        for spec in state
            .services
            .values()
            .filter_map(|service| service.spec.as_ref())
        {
            let own = spec.cluster_ips.iter().flatten().map(String::as_str);
            addresses.extend(own.filter(|address| *address != "None"));
            for port in spec.ports.iter().flatten() {
                let protocol = port.protocol.as_deref().unwrap_or("TCP");
                ports.extend(port.node_port.map(|number| (number, protocol)));
            }
        }
        twice(&mut addresses)?;
        twice(&mut ports)
    }
}

fn twice<T: Ord + std::fmt::Debug>(all: &mut [T]) -> Result<(), String> {
    all.sort_unstable();
    match all.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("{:?} is given twice", pair[0])),
        None => Ok(()),
    }
}
