//! Endpoints: the older form of endpoint slices.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_valid_ip;
use serde_json::Value;

use crate::address::{endpoint_ip, ip_warnings};
use crate::cell;
use crate::check::{PROTOCOLS, dns_label, found, port_number, qualified_name, required_one_of};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, UpdateRules};

const CONTROLLER_LABEL: (&str, &str) =
    ("endpoints.kubernetes.io/managed-by", "endpoint-controller");

impl Hooks for Endpoints {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Endpoints",
            "string",
            "",
            0,
            "The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to the IPs they share. \
            A single address with multiple ports, some of which are ready and some of which are not (because they come from \
            different containers) will result in the address being displayed in different subsets for the different ports. No \
            address will appear in both Addresses and NotReadyAddresses in the same subset. Sets of addresses and ports that \
            comprise a service.",
        ),
        cell::AGE,
    ];
    const UPDATE: UpdateRules = UpdateRules {
        create_on_update: true,
        unconditional: true,
    };

    fn apply_defaults(&mut self) {
        drop_empty(&mut self.subsets);
        for subset in self.subsets.iter_mut().flatten() {
            drop_empty(&mut subset.addresses);
            drop_empty(&mut subset.not_ready_addresses);
            drop_empty(&mut subset.ports);
            for port in subset.ports.iter_mut().flatten() {
                drop_empty(&mut port.name);
                if port.protocol.as_deref().unwrap_or_default().is_empty() {
                    port.protocol = Some("TCP".to_owned());
                }
            }
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let path = Path::new("subsets");
        let subsets = self.subsets.iter().flatten().enumerate();
        subsets
            .flat_map(|(at, subset)| validate_subset(subset, &path.index(at)))
            .collect()
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        let (key, value) = CONTROLLER_LABEL;
        if self
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(key))
            .is_some_and(|by| by == value)
        {
            return Vec::new();
        }
        let mut warnings = Vec::new();
        for (at, subset) in self.subsets.iter().flatten().enumerate() {
            let path = Path::new("subsets").index(at);
            for (name, addresses) in [
                ("addresses", &subset.addresses),
                ("notReadyAddresses", &subset.not_ready_addresses),
            ] {
                for (at, address) in addresses.iter().flatten().enumerate() {
                    warnings.extend(ip_warnings(
                        &path.child(name).index(at).child("ip"),
                        &address.ip,
                    ));
                }
            }
        }
        warnings
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        vec![
            cell::name(&self.metadata),
            endpoints_cell(self).into(),
            cell::age(&self.metadata, now),
        ]
    }
}

/// Ready addresses with each of their ports.
fn endpoints_cell(endpoints: &Endpoints) -> String {
    if endpoints.subsets.as_ref().is_none_or(Vec::is_empty) {
        return "<none>".to_owned();
    }
    let mut shown = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let ips = || {
            subset
                .addresses
                .iter()
                .flatten()
                .map(|address| address.ip.as_str())
        };
        match subset.ports.as_deref().unwrap_or_default() {
            [] => shown.extend(ips().map(str::to_owned)),
            ports => shown.extend(
                ports
                    .iter()
                    .flat_map(|port| ips().map(|ip| host_port(ip, port.port))),
            ),
        }
    }
    cell::first_three(shown)
}

fn host_port(ip: &str, port: i32) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

fn validate_subset(subset: &EndpointSubset, path: &Path) -> ErrorList {
    let ready = subset.addresses.as_deref().unwrap_or_default();
    let not_ready = subset.not_ready_addresses.as_deref().unwrap_or_default();
    let ports = subset.ports.as_deref().unwrap_or_default();
    let mut errors = ErrorList::new();
    if ready.is_empty() && not_ready.is_empty() {
        errors.push(Error::required(
            path,
            "must specify `addresses` or `notReadyAddresses`",
        ));
    }
    for (name, addresses) in [("addresses", ready), ("notReadyAddresses", not_ready)] {
        for (at, address) in addresses.iter().enumerate() {
            errors.extend(validate_address(address, &path.child(name).index(at)));
        }
    }
    for (at, port) in ports.iter().enumerate() {
        errors.extend(validate_port(
            port,
            ports.len() > 1,
            &path.child("ports").index(at),
        ));
    }
    errors
}

fn validate_address(address: &EndpointAddress, path: &Path) -> ErrorList {
    let ip = path.child("ip");
    let mut errors = is_valid_ip(&ip, &address.ip);
    if let Some(hostname) = address.hostname.as_deref().filter(|name| !name.is_empty()) {
        errors.extend(dns_label(hostname, &path.child("hostname")));
    }
    if let Some(node) = &address.node_name {
        errors.extend(found(
            node,
            naming::subdomain(node, false),
            &path.child("nodeName"),
        ));
    }
    errors.extend(endpoint_ip(&address.ip, &ip));
    errors
}

fn validate_port(port: &EndpointPort, named: bool, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    match port.name.as_deref().unwrap_or_default() {
        "" if named => errors.push(Error::required(&path.child("name"), "")),
        "" => {}
        name => errors.extend(dns_label(name, &path.child("name"))),
    }
    errors.extend(port_number(port.port, &path.child("port")));
    errors.extend(required_one_of(
        port.protocol.as_deref(),
        PROTOCOLS,
        &path.child("protocol"),
    ));
    if let Some(protocol) = &port.app_protocol {
        errors.extend(qualified_name(protocol, &path.child("appProtocol")));
    }
    errors
}
