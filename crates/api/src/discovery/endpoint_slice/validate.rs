//! What an endpoint slice may hold.

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointPort, EndpointSlice};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_fully_qualified_domain_name, is_label_value, is_valid_ip};

use crate::address::{endpoint_ip, is_ipv4, is_ipv6};
use crate::check::{PROTOCOLS, dns_label, found, one_of, qualified_name, required_one_of};
use crate::metadata::validate_labels;
use crate::naming;

const ADDRESS_TYPES: &[&str] = &["FQDN", "IPv4", "IPv6"];
const MAX_ENDPOINTS: usize = 1000;
const MAX_ADDRESSES: usize = 100;
const MAX_PORTS: usize = 20_000;
const MAX_TOPOLOGY: usize = 16;
const MAX_HINTS: usize = 8;

pub(super) fn slice(slice: &EndpointSlice) -> ErrorList {
    let mut errors = required_one_of(
        Some(&slice.address_type),
        ADDRESS_TYPES,
        &Path::new("addressType"),
    );
    errors.extend(ports(
        slice.ports.as_deref().unwrap_or_default(),
        &Path::new("ports"),
    ));
    let endpoints = slice.endpoints.as_deref().unwrap_or_default();
    let path = Path::new("endpoints");
    if endpoints.len() > MAX_ENDPOINTS {
        errors.push(Error::too_many(&path, endpoints.len(), MAX_ENDPOINTS));
        return errors;
    }
    for (at, one) in endpoints.iter().enumerate() {
        errors.extend(endpoint(one, &slice.address_type, &path.index(at)));
    }
    errors
}

fn ports(ports: &[EndpointPort], path: &Path) -> ErrorList {
    if ports.len() > MAX_PORTS {
        return vec![Error::too_many(path, ports.len(), MAX_PORTS)];
    }
    let mut errors = ErrorList::new();
    for (at, port) in ports.iter().enumerate() {
        let path = path.index(at);
        let name = port.name.as_deref().unwrap_or_default();
        if !name.is_empty() {
            errors.extend(dns_label(name, &path.child("name")));
        }
        if ports[..at]
            .iter()
            .any(|other| other.name.as_deref().unwrap_or_default() == name)
        {
            errors.push(Error::duplicate(&path.child("name"), name));
        }
        match &port.protocol {
            None => errors.push(Error::required(&path.child("protocol"), "")),
            Some(protocol) => errors.extend(one_of(protocol, PROTOCOLS, &path.child("protocol"))),
        }
        if let Some(protocol) = &port.app_protocol {
            errors.extend(qualified_name(protocol, &path.child("appProtocol")));
        }
    }
    errors
}

fn endpoint(endpoint: &Endpoint, kind: &str, path: &Path) -> ErrorList {
    let addresses = path.child("addresses");
    let mut errors = ErrorList::new();
    match endpoint.addresses.len() {
        0 => errors.push(Error::required(
            &addresses,
            "must contain at least 1 address",
        )),
        many if many > MAX_ADDRESSES => {
            errors.push(Error::too_many(&addresses, many, MAX_ADDRESSES));
        }
        _ => {}
    }
    for (at, text) in endpoint.addresses.iter().enumerate() {
        errors.extend(address(text, kind, &addresses, &addresses.index(at)));
    }
    if let Some(node) = &endpoint.node_name {
        errors.extend(found(
            node,
            naming::subdomain(node, false),
            &path.child("nodeName"),
        ));
    }
    let topology = path.child("deprecatedTopology");
    let labels = endpoint.deprecated_topology.as_ref();
    if let Some(many) = labels
        .map(|labels| labels.len())
        .filter(|&many| many > MAX_TOPOLOGY)
    {
        errors.push(Error::too_many(&topology, many, MAX_TOPOLOGY));
    }
    errors.extend(validate_labels(labels, &topology));
    if let Some(hostname) = &endpoint.hostname {
        errors.extend(dns_label(hostname, &path.child("hostname")));
    }
    if let Some(given) = &endpoint.hints {
        errors.extend(hints(given, &path.child("hints")));
    }
    errors
}

fn address(text: &str, kind: &str, all: &Path, path: &Path) -> ErrorList {
    let (is_right, wrong): (fn(&str) -> bool, &str) = match kind {
        "IPv4" => (is_ipv4, "must be an IPv4 address"),
        "IPv6" => (is_ipv6, "must be an IPv6 address"),
        "FQDN" => return is_fully_qualified_domain_name(path, text),
        _ => return ErrorList::new(),
    };
    let mut errors = is_valid_ip(path, text);
    if errors.is_empty() {
        if !is_right(text) {
            errors.push(Error::invalid(all, text, wrong));
        }
        errors.extend(endpoint_ip(text, path));
    }
    errors
}

fn hints(hints: &EndpointHints, path: &Path) -> ErrorList {
    let zones: Vec<&str> = hints
        .for_zones
        .iter()
        .flatten()
        .map(|zone| zone.name.as_str())
        .collect();
    let nodes: Vec<&str> = hints
        .for_nodes
        .iter()
        .flatten()
        .map(|node| node.name.as_str())
        .collect();
    let mut errors = names(&zones, is_label_value, &path.child("forZones"));
    if zones.len() <= MAX_HINTS {
        errors.extend(names(
            &nodes,
            |node| naming::subdomain(node, false),
            &path.child("forNodes"),
        ));
    }
    errors
}

fn names(names: &[&str], rule: fn(&str) -> Vec<String>, path: &Path) -> ErrorList {
    if names.len() > MAX_HINTS {
        return vec![Error::too_many(path, names.len(), MAX_HINTS)];
    }
    let mut errors = ErrorList::new();
    for (at, name) in names.iter().enumerate() {
        let path = path.index(at).child("name");
        if names[..at].contains(name) {
            errors.push(Error::duplicate(&path, *name));
        }
        errors.extend(found(name, rule(name), &path));
    }
    errors
}
