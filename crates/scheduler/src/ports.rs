//! Ports of the host that pods ask for: who has which, and whether one more can be had. As Kubernetes' `NodePorts` plugin: two are the
//! same if number and protocol are, and the address is or one of them is any.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};

/// The address that stands for all.
const ANY: &str = "0.0.0.0";

/// A port of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    number: i32,
    protocol: String,
    address: String,
}

/// What a pod asks for: of its containers and its sidecars.
pub fn of_pod(spec: &PodSpec) -> Vec<HostPort> {
    let sidecar = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let sidecars = spec.init_containers.iter().flatten().filter(sidecar);
    let ports = spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| container.ports.iter().flatten());
    let asked = ports.filter_map(|port| {
        let number = port.host_port.filter(|number| *number > 0)?;
        let or = |text: &Option<String>, otherwise: &str| {
            let text = text.clone().filter(|text| !text.is_empty());
            text.unwrap_or_else(|| otherwise.to_owned())
        };
        Some(HostPort {
            number,
            protocol: or(&port.protocol, "TCP"),
            address: or(&port.host_ip, ANY),
        })
    });
    asked.collect()
}

/// The ports of a node that its pods have, and how many have each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenPorts(BTreeMap<HostPort, usize>);

impl TakenPorts {
    /// Whether all of these are free.
    pub fn have_room(&self, asked: &[HostPort]) -> bool {
        asked.iter().all(|asked| self.is_free(asked))
    }

    fn is_free(&self, asked: &HostPort) -> bool {
        let same = |taken: &HostPort| {
            taken.protocol == asked.protocol
                && (taken.address == asked.address || taken.address == ANY || asked.address == ANY)
        };
        let first = HostPort {
            number: asked.number,
            protocol: String::new(),
            address: String::new(),
        };
        let of_number = self.0.range(first..).map(|(taken, _)| taken);
        !of_number
            .take_while(|taken| taken.number == asked.number)
            .any(same)
    }

    /// One more pod has these.
    pub(crate) fn take(&mut self, ports: &[HostPort]) {
        for port in ports {
            *self.0.entry(port.clone()).or_insert(0) += 1;
        }
    }

    /// One pod less has these.
    pub(crate) fn release(&mut self, ports: &[HostPort]) {
        for port in ports {
            let left = self.0.get_mut(port).map(|count| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == Some(0) {
                self.0.remove(port);
            }
        }
    }
}
