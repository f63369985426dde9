//! The addresses behind a service, sorted into sets that share their ports.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    EndpointAddress, EndpointPort, EndpointSubset, ObjectReference, Pod, Service,
};
use navarch_client::Snapshot;

use crate::endpoint_slice::{endpoint, selects};
use crate::pods;

/// The most addresses of an Endpoints object. Kubernetes' `maxCapacity`.
const CAPACITY: usize = 1000;

/// A port as it orders: name, protocol, number, application protocol.
type Port = (Option<String>, String, i32, Option<String>);

/// The subsets of a service with a selector. Pods with the same ports share one.
pub(super) fn of(service: &Service, pods: &Snapshot<Pod>) -> Vec<EndpointSubset> {
    let spec = service.spec.as_ref();
    let publish = spec.and_then(|spec| spec.publish_not_ready_addresses) == Some(true);
    let headless = spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None");
    let portless = spec.is_none_or(|spec| spec.ports.as_ref().is_none_or(Vec::is_empty));
    let ipv6 = spec
        .and_then(|spec| spec.ip_families.as_ref()?.first().cloned())
        .is_some_and(|family| family == "IPv6");
    let mut by_ports: BTreeMap<Vec<Port>, Addresses> = BTreeMap::new();
    let namespace = service.metadata.namespace.as_deref().unwrap_or("");
    for pod in pods
        .in_namespace(namespace)
        .filter(|pod| selects(service, pod) && endpoint::counts(pod))
    {
        if pod.metadata.deletion_timestamp.is_some() && !publish {
            continue;
        }
        let Some(ip) = endpoint::address(pod, ipv6) else {
            continue;
        };
        let ports = ports(pod, service);
        if ports.is_empty() && !(headless && portless) {
            continue;
        }
        let addresses = by_ports.entry(ports).or_default();
        let kind = if publish || pods::is_ready(pod) {
            &mut addresses.ready
        } else {
            &mut addresses.not_ready
        };
        kind.push(address(pod, ip, service));
    }
    by_ports
        .into_iter()
        .map(|(ports, addresses)| addresses.subset(ports))
        .collect()
}

#[derive(Default)]
struct Addresses {
    ready: Vec<EndpointAddress>,
    not_ready: Vec<EndpointAddress>,
}

impl Addresses {
    fn subset(self, ports: Vec<Port>) -> EndpointSubset {
        let ports: Vec<EndpointPort> = ports
            .into_iter()
            .map(|(name, protocol, port, app_protocol)| EndpointPort {
                name,
                protocol: Some(protocol),
                port,
                app_protocol,
            })
            .collect();
        EndpointSubset {
            addresses: sorted(self.ready),
            not_ready_addresses: sorted(self.not_ready),
            ports: (!ports.is_empty()).then_some(ports),
        }
    }
}

fn sorted(mut addresses: Vec<EndpointAddress>) -> Option<Vec<EndpointAddress>> {
    let uid = |address: &EndpointAddress| {
        address
            .target_ref
            .as_ref()
            .and_then(|target| target.uid.clone())
    };
    addresses.sort_by(|a, b| a.ip.cmp(&b.ip).then_with(|| uid(a).cmp(&uid(b))));
    (!addresses.is_empty()).then_some(addresses)
}

fn ports(pod: &Pod, service: &Service) -> Vec<Port> {
    let ports = endpoint::ports(pod, service).into_iter();
    let mut ports: Vec<Port> = ports
        .filter_map(|port| {
            let name = port.name.filter(|name| !name.is_empty());
            Some((
                name,
                port.protocol.unwrap_or_default(),
                port.port?,
                port.app_protocol,
            ))
        })
        .collect();
    ports.sort();
    ports
}

fn address(pod: &Pod, ip: String, service: &Service) -> EndpointAddress {
    EndpointAddress {
        ip,
        hostname: endpoint::hostname(pod, service),
        node_name: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".into()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..Default::default()
        }),
    }
}

/// Leaves out what is over the capacity, first of those that are not ready; answers whether it had to.
pub(super) fn truncate(subsets: &mut Vec<EndpointSubset>) -> bool {
    let mut room = CAPACITY;
    let mut cut = |addresses: &mut Option<Vec<EndpointAddress>>| {
        let Some(held) = addresses else { return false };
        let before = held.len();
        held.truncate(room);
        room -= held.len();
        let lost = held.len() < before;
        if held.is_empty() {
            *addresses = None;
        }
        lost
    };
    let mut lost = false;
    for subset in subsets.iter_mut() {
        lost |= cut(&mut subset.addresses);
    }
    for subset in subsets.iter_mut() {
        lost |= cut(&mut subset.not_ready_addresses);
    }
    subsets.retain(|subset| subset.addresses.is_some() || subset.not_ready_addresses.is_some());
    lost
}
