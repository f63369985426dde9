//! What another node says of itself, as far as the way to its pods depends on it.

use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::wireguard::told::Told;

/// As many ranges as a node can have: one of each family.
const MAX_RANGES: usize = 2;
/// As many of a node's addresses as are looked at.
const MAX_ADDRESSES: usize = 16;

/// Another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) name: String,
    /// Since when its object is there.
    pub(crate) since: Option<Time>,
    /// Where it is: what its object calls `InternalIP`.
    pub(crate) addresses: Vec<IpAddr>,
    /// Where its pods are.
    pub(crate) pod_cidrs: Vec<IpNet>,
    /// How packets to it are encrypted.
    pub(crate) wireguard: Option<Told>,
}

impl Peer {
    /// What is no address or no range is passed over.
    pub(crate) fn of(node: &Node) -> Self {
        let addresses = node.status.as_ref().and_then(|it| it.addresses.as_ref());
        let internal = addresses.into_iter().flatten();
        let internal = internal.filter(|address| address.type_ == "InternalIP");
        let spec = node.spec.as_ref();
        let ranges = spec.and_then(|spec| spec.pod_cidrs.clone());
        let first = spec.and_then(|spec| spec.pod_cidr.clone());
        let ranges = ranges.unwrap_or_else(|| first.into_iter().collect());
        Self {
            name: node.metadata.name.clone().unwrap_or_default(),
            since: node.metadata.creation_timestamp.clone(),
            addresses: internal
                .filter_map(|address| address.address.parse().ok())
                .take(MAX_ADDRESSES)
                .collect(),
            pod_cidrs: ranges
                .iter()
                .filter_map(|range| range.parse::<IpNet>().ok())
                .map(|range| range.trunc())
                .take(MAX_RANGES)
                .collect(),
            wireguard: Told::of(node),
        }
    }
}
