//! The slices that a service should have, and the least change from those that it has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::ObjectKey;

use super::{MANAGED_BY, SERVICE, US, View, endpoint, selects, slices_by_service};
use crate::claim::{controller_of, controller_reference};
use crate::{Action, Plan};

/// The most endpoints of a slice. Kubernetes' `max-endpoints-per-slice`.
const PER_SLICE: usize = 100;
/// What marks the slices of a service without an address of its own.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// Endpoints that can share slices: one family, one set of ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    /// Whether of IPv6, else of IPv4.
    pub(crate) ipv6: bool,
    /// The ports in JSON, for they have no order of their own.
    pub(crate) ports: String,
}

/// What brings a service's slices to what its pods are.
pub(super) fn plan(view: &View, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let existing: Vec<&Arc<EndpointSlice>> = view
        .slices
        .by_index(slices_by_service(), &key.to_string())
        .filter(|slice| slice.metadata.deletion_timestamp.is_none())
        .collect();
    let service = view.services.get(key);
    let service = service.filter(|s| s.metadata.deletion_timestamp.is_none() && keeps_slices(s));
    let Some(service) = service else {
        // Slices of a service that is gone are collected by their owner; these are of one that has lost its selector, or goes.
        let doomed = existing
            .into_iter()
            .map(|slice| Action::delete(slice.as_ref()));
        plan.then_all(doomed.collect());
        return plan;
    };
    let mut wanted = wanted(view, service);
    let mut left = Vec::new();
    let mut kept = Vec::new();
    let (existing, inherited): (Vec<_>, Vec<_>) = existing
        .into_iter()
        .partition(|slice| is_owned(slice, service));
    for slice in existing {
        let endpoints = wanted.get_mut(&group_of(slice));
        match endpoints.and_then(|endpoints| keep(slice, endpoints)) {
            Some(endpoints) => kept.push((slice, endpoints)),
            None => left.push(slice),
        }
    }
    fill(&mut kept, &mut wanted);
    let stale = kept
        .into_iter()
        .filter(|(slice, endpoints)| !is_current(service, slice, endpoints));
    let mut actions: Vec<Action> = stale
        .map(|(slice, endpoints)| rewrite(service, slice, None, endpoints))
        .collect();
    for (group, endpoints) in &wanted {
        let endpoints: Vec<Endpoint> = endpoints.values().cloned().collect();
        for chunk in endpoints.chunks(PER_SLICE) {
            actions.push(place(service, group, chunk.to_vec(), &mut left));
        }
    }
    for ipv6 in families(service) {
        if wanted.keys().all(|group| group.ipv6 != ipv6) {
            actions.extend(placeholder(service, ipv6, &mut left));
        }
    }
    let doomed = left.into_iter().chain(inherited);
    actions.extend(doomed.map(|slice| Action::delete(slice.as_ref())));
    plan.then_all(actions);
    plan
}

/// Whether a slice is this service's, and not one's that had its name before: such a slice goes with its owner.
fn is_owned(slice: &EndpointSlice, service: &Service) -> bool {
    controller_of(&slice.metadata)
        .is_some_and(|owner| Some(&owner.uid) == service.metadata.uid.as_ref())
}

/// A service without pods has one empty slice of each family, so that consumers know that somebody looked.
fn placeholder(
    service: &Service,
    ipv6: bool,
    left: &mut Vec<&Arc<EndpointSlice>>,
) -> Option<Action> {
    let group = Group {
        ipv6,
        ports: encode(&[]),
    };
    let there = left
        .iter()
        .position(|slice| slice.address_type == family(&group) && is_current(service, slice, &[]));
    match there {
        Some(at) => {
            left.remove(at);
            None
        }
        None => Some(place(service, &group, Vec::new(), left)),
    }
}

fn keeps_slices(service: &Service) -> bool {
    let Some(spec) = &service.spec else {
        return false;
    };
    spec.selector
        .as_ref()
        .is_some_and(|selector| !selector.is_empty())
        && spec.type_.as_deref() != Some("ExternalName")
}

/// The endpoints there should be, by what they can share a slice with, and by pod.
fn wanted(view: &View, service: &Service) -> BTreeMap<Group, BTreeMap<String, Endpoint>> {
    let mut groups: BTreeMap<Group, BTreeMap<String, Endpoint>> = BTreeMap::new();
    let families = families(service);
    let namespace = service.metadata.namespace.as_deref().unwrap_or("");
    for pod in view
        .pods
        .in_namespace(namespace)
        .filter(|pod| selects(service, pod) && endpoint::counts(pod))
    {
        for ipv6 in &families {
            let Some(address) = endpoint::address(pod, *ipv6) else {
                continue;
            };
            let ports = encode(&endpoint::ports(pod, service));
            let endpoint = endpoint::of(pod, address, service, &view.nodes);
            let uid = pod.metadata.uid.clone().unwrap_or_default();
            groups
                .entry(Group { ipv6: *ipv6, ports })
                .or_default()
                .insert(uid, endpoint);
        }
    }
    groups
}

/// Whether IPv6 (true) and IPv4 (false) endpoints are wanted.
fn families(service: &Service) -> BTreeSet<bool> {
    let spec = service.spec.as_ref();
    let named = spec
        .and_then(|spec| spec.ip_families.as_deref())
        .unwrap_or_default();
    let families: BTreeSet<bool> = named.iter().map(|family| family == "IPv6").collect();
    if families.is_empty() {
        BTreeSet::from([false])
    } else {
        families
    }
}

fn family(group: &Group) -> &'static str {
    if group.ipv6 { "IPv6" } else { "IPv4" }
}

/// Ports as a [`Group`] has them.
pub(crate) fn encode(ports: &[EndpointPort]) -> String {
    serde_json::to_string(ports).unwrap_or_default()
}

/// Of what group a slice is.
pub(crate) fn group_of(slice: &EndpointSlice) -> Group {
    Group {
        ipv6: slice.address_type == "IPv6",
        ports: encode(slice.ports.as_deref().unwrap_or_default()),
    }
}

fn uid_of(endpoint: &Endpoint) -> &str {
    endpoint
        .target_ref
        .as_ref()
        .and_then(|target| target.uid.as_deref())
        .unwrap_or("")
}

fn endpoints_of(slice: &EndpointSlice) -> &[Endpoint] {
    slice.endpoints.as_deref().unwrap_or_default()
}

fn is_current(service: &Service, slice: &EndpointSlice, endpoints: &[Endpoint]) -> bool {
    endpoints_of(slice) == endpoints && slice.metadata.labels.as_ref() == Some(&labels(service))
}

/// What a slice holds that is still wanted, as it is wanted now; taken out of `endpoints`. `None` where nothing of it is wanted: it
/// may be used for others.
fn keep(
    slice: &EndpointSlice,
    endpoints: &mut BTreeMap<String, Endpoint>,
) -> Option<Vec<Endpoint>> {
    let wanted_still = endpoints_of(slice)
        .iter()
        .filter_map(|old| endpoints.remove(uid_of(old)));
    let kept: Vec<Endpoint> = wanted_still.collect();
    (!kept.is_empty()).then_some(kept)
}

/// Puts the endpoints that no slice holds where there is room: first into slices that must be written anyway, then into those with
/// the most room.
fn fill(
    kept: &mut [(&Arc<EndpointSlice>, Vec<Endpoint>)],
    wanted: &mut BTreeMap<Group, BTreeMap<String, Endpoint>>,
) {
    kept.sort_by_key(|(slice, endpoints)| (endpoints_of(slice) == endpoints, endpoints.len()));
    for (slice, endpoints) in kept {
        let Some(homeless) = wanted.get_mut(&group_of(slice)) else {
            continue;
        };
        while endpoints.len() < PER_SLICE
            && let Some((_, endpoint)) = homeless.pop_first()
        {
            endpoints.push(endpoint);
        }
    }
}

/// Puts endpoints into a slice that is left over, or into a new one.
fn place(
    service: &Service,
    group: &Group,
    endpoints: Vec<Endpoint>,
    left: &mut Vec<&Arc<EndpointSlice>>,
) -> Action {
    let family = family(group);
    // The family of a slice cannot change.
    match left.iter().position(|slice| slice.address_type == family) {
        Some(at) => rewrite(service, left.remove(at), Some(group), endpoints),
        None => Action::create(make(service, group, family, endpoints)),
    }
}

fn rewrite(
    service: &Service,
    slice: &EndpointSlice,
    group: Option<&Group>,
    endpoints: Vec<Endpoint>,
) -> Action {
    let mut changed = slice.clone();
    changed.endpoints = Some(endpoints);
    changed.metadata.labels = Some(labels(service));
    if let Some(group) = group {
        changed.ports = serde_json::from_str(&group.ports).ok();
    }
    Action::update(changed)
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(
        SERVICE.into(),
        service.metadata.name.clone().unwrap_or_default(),
    );
    labels.insert(MANAGED_BY.into(), US.into());
    let headless = service
        .spec
        .as_ref()
        .and_then(|spec| spec.cluster_ip.as_deref())
        == Some("None");
    if headless {
        labels.insert(HEADLESS.into(), String::new());
    } else {
        labels.remove(HEADLESS);
    }
    labels
}

fn make(service: &Service, group: &Group, family: &str, endpoints: Vec<Endpoint>) -> EndpointSlice {
    EndpointSlice {
        metadata: ObjectMeta {
            generate_name: Some(format!(
                "{}-",
                service.metadata.name.as_deref().unwrap_or("")
            )),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels(service)),
            owner_references: Some(vec![controller_reference(service)]),
            ..Default::default()
        },
        address_type: family.to_owned(),
        endpoints: Some(endpoints),
        ports: serde_json::from_str(&group.ports).ok(),
    }
}
