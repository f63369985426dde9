//! What Endpoints say, sorted into what can share a slice: addresses of one family that have the same ports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{EndpointAddress, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort};
use navarch_machinery::names::parse_ip_sloppy;

use crate::endpoint_slice::Group;

/// The most addresses of a set of ports that are mirrored. Kubernetes' `mirroring-max-endpoints-per-subset`.
pub(super) const PER_SUBSET: usize = 1000;

/// The endpoints to be mirrored, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// By what can share a slice; none is empty, and none too large for one slice.
    pub(super) groups: BTreeMap<Group, Vec<Endpoint>>,
    /// Addresses that are no IP address.
    pub(super) invalid: usize,
    /// Addresses that are not mirrored, the invalid among them.
    pub(super) skipped: usize,
}

/// A port as it orders: name, protocol, number, application protocol.
type Port = (String, String, i32, Option<String>);
/// What tells addresses apart: the same one may stand for several pods of a host.
type Key<'a> = (&'a str, Option<&'a str>);
/// Addresses, and whether each is ready.
type Readiness<'a> = BTreeMap<Key<'a>, bool>;

/// Reads Endpoints. However they cut their subsets, what has the same ports comes together.
pub(super) fn wanted(endpoints: &Endpoints) -> Wanted {
    let mut by_key: BTreeMap<Key<'_>, &EndpointAddress> = BTreeMap::new();
    let mut wanted = Wanted::default();
    for (ports, readiness) in subsets(endpoints, &mut by_key) {
        let ports = crate::endpoint_slice::encode(&ports);
        let all = readiness.len();
        let mut taken = 0;
        let (ready, not_ready): (Vec<_>, Vec<_>) =
            readiness.into_iter().partition(|(_, ready)| *ready);
        for (key, ready) in ready.into_iter().chain(not_ready) {
            if taken == PER_SUBSET {
                break;
            }
            let Some((endpoint, ipv6)) = by_key.get(&key).and_then(|a| endpoint(a, ready)) else {
                wanted.invalid += 1;
                continue;
            };
            taken += 1;
            let ports = ports.clone();
            let group = wanted.groups.entry(Group { ipv6, ports }).or_default();
            group.push(endpoint);
        }
        wanted.skipped += all - taken;
    }
    wanted
}

/// The subsets in their one form: no two have the same addresses, or the same port at the same address.
fn subsets<'a>(
    endpoints: &'a Endpoints,
    by_key: &mut BTreeMap<Key<'a>, &'a EndpointAddress>,
) -> Vec<(Vec<EndpointPort>, Readiness<'a>)> {
    let mut by_port: BTreeMap<Option<Port>, Readiness<'a>> = BTreeMap::new();
    for subset in endpoints.subsets.iter().flatten() {
        let ports = subset.ports.iter().flatten().map(|port| {
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".into());
            let name = port.name.clone().unwrap_or_default();
            Some((name, protocol, port.port, port.app_protocol.clone()))
        });
        let mut ports: Vec<Option<Port>> = ports.collect();
        if ports.is_empty() {
            ports.push(None);
        }
        let ready = subset.addresses.iter().flatten().map(|a| (a, true));
        let not_ready = subset
            .not_ready_addresses
            .iter()
            .flatten()
            .map(|a| (a, false));
        let addresses: Vec<_> = ready.chain(not_ready).collect();
        for port in ports {
            let readiness = by_port.entry(port).or_default();
            for (address, ready) in &addresses {
                let key = key(address);
                by_key.entry(key).or_insert(address);
                // Who is said to be both is not ready.
                *readiness.entry(key).or_insert(true) &= ready;
            }
        }
    }
    join(by_port)
}

/// Ports that the same addresses have become one set of ports.
fn join<'a>(
    by_port: BTreeMap<Option<Port>, Readiness<'a>>,
) -> Vec<(Vec<EndpointPort>, Readiness<'a>)> {
    let mut joined: BTreeMap<BTreeSet<Key<'a>>, (Vec<EndpointPort>, Readiness<'a>)> =
        BTreeMap::new();
    for (port, readiness) in by_port {
        let keys = readiness.keys().copied().collect();
        let (ports, known) = joined.entry(keys).or_default();
        ports.extend(
            port.map(|(name, protocol, port, app_protocol)| EndpointPort {
                name: Some(name),
                port: Some(port),
                protocol: Some(protocol),
                app_protocol,
            }),
        );
        for (key, ready) in readiness {
            *known.entry(key).or_insert(true) &= ready;
        }
    }
    joined.into_values().collect()
}

fn key(address: &EndpointAddress) -> Key<'_> {
    let target = address.target_ref.as_ref();
    (&address.ip, target.and_then(|target| target.uid.as_deref()))
}

/// An address as an endpoint, and whether it is of IPv6. `None`: it is no IP address.
fn endpoint(address: &EndpointAddress, ready: bool) -> Option<(Endpoint, bool)> {
    let ip = parse_ip_sloppy(&address.ip)?.to_canonical();
    let endpoint = Endpoint {
        addresses: vec![ip.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            ..Default::default()
        }),
        hostname: address.hostname.clone().filter(|name| !name.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Default::default()
    };
    Some((endpoint, matches!(ip, IpAddr::V6(_))))
}
