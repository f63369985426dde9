//! Which endpoints traffic may go to from this node: traffic policy, topology hints, and what is left when none is ready.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::discovery::v1::{EndpointPort, EndpointSlice};

use super::element::Family;
use super::plan::NodeView;
use super::service::ServicePort;
use crate::Protocol;

/// An endpoint of one port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// On this node.
    pub(crate) is_local: bool,
    pub(crate) is_ready: bool,
    /// Ready or not by its probes, whether or not it is being deleted.
    pub(crate) is_serving: bool,
    pub(crate) is_terminating: bool,
    /// Of which nodes and zones it takes traffic; nothing is of all.
    pub(crate) for_nodes: Vec<String>,
    pub(crate) for_zones: Vec<String>,
}

/// The endpoints that are used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Usable {
    /// By traffic with the policy `Cluster`.
    pub(crate) cluster: Vec<SocketAddr>,
    /// By traffic with the policy `Local`.
    pub(crate) local: Vec<SocketAddr>,
    /// Whether there is any at all, on whatever node.
    pub(crate) is_anywhere: bool,
}

/// The endpoints of a port in all slices of its service, by address.
pub(crate) fn of_port(
    slices: &[Arc<EndpointSlice>],
    port: &ServicePort,
    node: &NodeView,
) -> Vec<Endpoint> {
    let family = Family::of(port.cluster_ip);
    let mut endpoints = BTreeMap::new();
    for slice in slices {
        for (address, endpoint) in of_slice(slice, port, node, family) {
            // One that is in two slices is local if one says so.
            if endpoint.is_local || !endpoints.contains_key(&address) {
                endpoints.insert(address, endpoint);
            }
        }
    }
    endpoints.into_values().collect()
}

fn of_slice<'a>(
    slice: &'a EndpointSlice,
    port: &'a ServicePort,
    node: &'a NodeView,
    family: Family,
) -> impl Iterator<Item = (SocketAddr, Endpoint)> + 'a {
    let number = slice
        .ports
        .iter()
        .flatten()
        .find_map(|p| number(p, &port.name, port.protocol));
    let all = slice.endpoints.iter().flatten();
    all.filter_map(move |endpoint| {
        let address: IpAddr = endpoint.addresses.first()?.parse().ok()?;
        if Family::of(address) != family {
            return None;
        }
        let address = SocketAddr::new(address, number?);
        let conditions = endpoint.conditions.as_ref();
        let hints = endpoint.hints.as_ref();
        let zones = hints.and_then(|hints| hints.for_zones.as_ref());
        let nodes = hints.and_then(|hints| hints.for_nodes.as_ref());
        let endpoint = Endpoint {
            address,
            is_local: endpoint.node_name.as_deref() == Some(&node.name),
            is_ready: conditions.and_then(|c| c.ready).unwrap_or(true),
            is_serving: conditions.and_then(|c| c.serving).unwrap_or(true),
            is_terminating: conditions.and_then(|c| c.terminating).unwrap_or(false),
            for_zones: zones
                .into_iter()
                .flatten()
                .map(|z| z.name.clone())
                .collect(),
            for_nodes: nodes
                .into_iter()
                .flatten()
                .map(|n| n.name.clone())
                .collect(),
        };
        Some((address, endpoint))
    })
}

fn number(port: &EndpointPort, name: &str, protocol: Protocol) -> Option<u16> {
    let same = port.name.as_deref().unwrap_or("") == name
        && Protocol::parse(port.protocol.as_deref()) == Some(protocol);
    let number = u16::try_from(port.port?).ok()?;
    (same && number != 0).then_some(number)
}

/// Ready endpoints; where there is none, those that end but still serve: a rollout on the last node loses nothing.
pub(crate) fn usable(endpoints: &[Endpoint], port: &ServicePort, node: &NodeView) -> Usable {
    let mut usable = Usable::default();
    if port.uses_cluster_endpoints() {
        let hints = Topology::of(endpoints, node);
        usable.cluster = chosen(endpoints, |e| hints.allows(e, node), |_| true);
        usable.is_anywhere = !usable.cluster.is_empty();
    }
    if port.uses_local_endpoints() {
        usable.local = chosen(endpoints, |e| e.is_local, |e| e.is_local);
        usable.is_anywhere |= endpoints.iter().any(|e| e.is_ready || is_last_resort(e));
    }
    usable
}

fn chosen(
    endpoints: &[Endpoint],
    ready: impl Fn(&Endpoint) -> bool,
    ending: impl Fn(&Endpoint) -> bool,
) -> Vec<SocketAddr> {
    let addresses = |wanted: &dyn Fn(&Endpoint) -> bool| -> Vec<SocketAddr> {
        let wanted = endpoints.iter().filter(|endpoint| wanted(endpoint));
        wanted.map(|endpoint| endpoint.address).collect()
    };
    let of_ready = addresses(&|e| e.is_ready && ready(e));
    if !of_ready.is_empty() {
        return of_ready;
    }
    addresses(&|e| is_last_resort(e) && ending(e))
}

fn is_last_resort(endpoint: &Endpoint) -> bool {
    !endpoint.is_ready && endpoint.is_serving && endpoint.is_terminating
}

/// Which hints count. They count only where every ready endpoint has them and one is meant for here, for else some endpoints would
/// get no traffic at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topology {
    Anywhere,
    SameNode,
    SameZone,
}

impl Topology {
    fn of(endpoints: &[Endpoint], node: &NodeView) -> Self {
        let ready = || endpoints.iter().filter(|endpoint| endpoint.is_ready);
        let counts = |names: fn(&Endpoint) -> &Vec<String>, here: &str| {
            ready().all(|e| !names(e).is_empty())
                && ready().any(|e| names(e).iter().any(|name| name == here))
        };
        if counts(|e| &e.for_nodes, &node.name) {
            Self::SameNode
        } else if counts(|e| &e.for_zones, &node.zone) {
            Self::SameZone
        } else {
            Self::Anywhere
        }
    }

    fn allows(self, endpoint: &Endpoint, node: &NodeView) -> bool {
        match self {
            Self::Anywhere => true,
            Self::SameNode => endpoint.for_nodes.contains(&node.name),
            Self::SameZone => endpoint.for_zones.contains(&node.zone),
        }
    }
}
