//! For which addresses this node is the one that answers. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_api::segment_addresses;
use navarch_client::{ObjectKey, Snapshot};
use sha2::{Digest, Sha256};

use super::interfaces::Interface;
use crate::service_proxy::{ServiceView, cluster_ips, is_external_local, is_proxied};

/// The label of nodes that take no traffic of load balancers.
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// A node, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    name: String,
    /// What its object calls `InternalIP`.
    addresses: Vec<IpAddr>,
    /// Whether it may answer for anything.
    may: bool,
    is_ready: bool,
}

impl Candidate {
    pub(super) fn of(node: &Node) -> Self {
        let status = node.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_ref());
        let mut conditions = conditions.into_iter().flatten();
        let is_ready = conditions.any(|it| it.type_ == "Ready" && it.status == "True");
        let labels = node.metadata.labels.as_ref();
        let is_excluded = labels.is_some_and(|labels| labels.contains_key(EXCLUDED));
        let addresses = status.and_then(|status| status.addresses.as_ref());
        let addresses = addresses.into_iter().flatten();
        let internal = addresses.filter(|address| address.type_ == "InternalIP");
        Self {
            name: node.metadata.name.clone().unwrap_or_default(),
            addresses: internal
                .filter_map(|address| address.address.parse().ok())
                .collect(),
            may: !is_excluded && node.metadata.deletion_timestamp.is_none(),
            is_ready,
        }
    }

    fn is_in(&self, network: IpNet) -> bool {
        self.addresses.iter().any(|ip| network.contains(ip))
    }
}

/// Where a node is, as its object says: it answers on those segments.
pub(super) fn addresses(node: &str, nodes: &[Candidate]) -> Vec<IpAddr> {
    let own = nodes.iter().find(|it| it.name == node);
    own.map(|own| own.addresses.clone()).unwrap_or_default()
}

/// What there is to answer for, each address for one service.
pub(super) fn asked_for(services: &Snapshot<Service>) -> BTreeMap<IpAddr, Arc<Service>> {
    let mut all = BTreeMap::new();
    for service in services.iter().filter(|it| is_led_on(it)) {
        for ip in segment_addresses::announced(service) {
            all.entry(ip).or_insert_with(|| service.clone());
        }
    }
    all
}

/// Whether this node's tables lead its packets anywhere.
fn is_led_on(service: &Service) -> bool {
    is_proxied(&service.metadata) && !cluster_ips(service).is_empty()
}

/// The addresses that the node `here` answers for, by interface.
pub(super) fn plan(
    here: &str,
    asked_for: &BTreeMap<IpAddr, Arc<Service>>,
    nodes: &[Candidate],
    slices: &Snapshot<EndpointSlice>,
    interfaces: &[Interface],
) -> BTreeMap<Interface, BTreeSet<IpAddr>> {
    let mut plan: BTreeMap<Interface, BTreeSet<IpAddr>> = BTreeMap::new();
    for (ip, service) in asked_for {
        let at = |it: &Interface| it.network_of(*ip).map(|network| (it.clone(), network));
        let Some((interface, network)) = interfaces.iter().find_map(at) else {
            continue;
        };
        if is_network_s(*ip, network) || nodes.iter().any(|node| node.addresses.contains(ip)) {
            continue;
        }
        let stays = is_local(service).then(|| nodes_with_endpoints(service, *ip, slices));
        let has_endpoints =
            |node: &&Candidate| stays.as_ref().is_none_or(|all| all.contains(&node.name));
        let able = nodes.iter().filter(|node| node.may && node.is_in(network));
        // Where none is ready, one that is not may lead on all the same.
        let chosen = able
            .filter(has_endpoints)
            .max_by_key(|node| (node.is_ready, weight(*ip, &node.name), &node.name));
        if chosen.is_some_and(|node| node.name == here) {
            plan.entry(interface).or_default().insert(*ip);
        }
    }
    plan
}

/// Whether the traffic of a service from outside is to stay on the node that it comes to.
pub(super) fn is_local(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(is_external_local)
}

/// Whether it is the network's own address, or that of all that are in it; of IPv6, that of its routers.
fn is_network_s(ip: IpAddr, network: IpNet) -> bool {
    let host_bits = network.max_prefix_len() - network.prefix_len();
    let is_of_all = ip.is_ipv4() && ip == network.broadcast();
    (ip == network.network() || is_of_all) && host_bits > 1
}

/// The node with the greatest answers: when one goes, its addresses alone move, and not all to the same.
fn weight(ip: IpAddr, node: &str) -> [u8; 32] {
    Sha256::digest(format!("{ip} {node}").as_bytes()).into()
}

/// Where endpoints of a service are that are ready; where none is, those that end but still serve.
fn nodes_with_endpoints(
    service: &Service,
    ip: IpAddr,
    slices: &Snapshot<EndpointSlice>,
) -> BTreeSet<String> {
    let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
    let key = ObjectKey::of(&service.metadata).to_string();
    let (mut ready, mut ending) = (BTreeSet::new(), BTreeSet::new());
    let slices = slices.by_index(ServiceView::by_service(), &key);
    let slices = slices.filter(|slice| is_proxied(&slice.metadata));
    for slice in slices.filter(|slice| slice.address_type == family) {
        for endpoint in slice.endpoints.iter().flatten() {
            let Some(node) = &endpoint.node_name else {
                continue;
            };
            let conditions = endpoint.conditions.as_ref();
            if conditions.and_then(|it| it.ready).unwrap_or(true) {
                ready.insert(node.clone());
            } else if conditions.and_then(|it| it.serving).unwrap_or(true) {
                ending.insert(node.clone());
            }
        }
    }
    match ready.is_empty() {
        true => ending,
        false => ready,
    }
}
