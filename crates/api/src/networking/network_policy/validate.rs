//! The checks of a policy's spec.

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{
    is_port_name, is_valid_cidr_for_legacy_field, masked, parse_cidr_sloppy,
};

use super::{EGRESS, INGRESS};
use crate::check::{found, one_of, port_number};
use crate::metadata::validate_label_selector;
use crate::shown::json;

const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];
const TYPES: &[&str] = &[INGRESS, EGRESS];

/// Checks a spec. `known`: networks that the policy had before, which stay however they are written.
pub(super) fn spec(spec: &NetworkPolicySpec, known: &[&str]) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    if let Some(selector) = &spec.pod_selector {
        errors.extend(validate_label_selector(
            selector,
            &path.child("podSelector"),
        ));
    }
    for (at, rule) in spec.ingress.iter().flatten().enumerate() {
        let path = path.child("ingress").index(at);
        errors.extend(ports(rule.ports.as_deref(), &path.child("ports")));
        errors.extend(peer_list(rule.from.as_deref(), known, &path.child("from")));
    }
    for (at, rule) in spec.egress.iter().flatten().enumerate() {
        let path = path.child("egress").index(at);
        errors.extend(ports(rule.ports.as_deref(), &path.child("ports")));
        errors.extend(peer_list(rule.to.as_deref(), known, &path.child("to")));
    }
    let types = spec.policy_types.as_deref().unwrap_or_default();
    let path = path.child("policyTypes");
    if types.len() > TYPES.len() {
        let detail = "may not specify more than two policyTypes";
        errors.push(Error::invalid(&path, json(types), detail));
        return errors;
    }
    for (at, kind) in types.iter().enumerate() {
        errors.extend(one_of(kind, TYPES, &path.index(at)));
    }
    errors
}

/// All peers of a spec with their paths.
pub(super) fn peers<'a>(
    spec: &'a NetworkPolicySpec,
    path: &Path,
) -> Vec<(Path, &'a NetworkPolicyPeer)> {
    let with_paths = |list: &'a Option<Vec<NetworkPolicyPeer>>, path: Path| {
        let peers = list.iter().flatten().enumerate();
        peers.map(move |(at, peer)| (path.index(at), peer))
    };
    let ingress = spec.ingress.iter().flatten().enumerate();
    let ingress = ingress.flat_map(|(at, rule)| {
        with_paths(&rule.from, path.child("ingress").index(at).child("from"))
    });
    let egress = spec.egress.iter().flatten().enumerate();
    let egress = egress
        .flat_map(|(at, rule)| with_paths(&rule.to, path.child("egress").index(at).child("to")));
    ingress.chain(egress).collect()
}

/// All networks that a spec names.
pub(super) fn cidrs(spec: &NetworkPolicySpec) -> Vec<&str> {
    let blocks = peers(spec, &Path::root()).into_iter();
    let blocks = blocks.filter_map(|(_, peer)| peer.ip_block.as_ref());
    blocks
        .flat_map(|block| {
            [&block.cidr]
                .into_iter()
                .chain(block.except.iter().flatten())
        })
        .map(String::as_str)
        .collect()
}

fn ports(ports: Option<&[NetworkPolicyPort]>, path: &Path) -> ErrorList {
    let ports = ports.unwrap_or_default().iter().enumerate();
    ports
        .flat_map(|(at, one)| port(one, &path.index(at)))
        .collect()
}

fn port(port: &NetworkPolicyPort, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(protocol) = &port.protocol {
        errors.extend(one_of(protocol, PROTOCOLS, &path.child("protocol")));
    }
    let (at, end_at) = (path.child("port"), path.child("endPort"));
    let unfit = |end: i32, why: &str| Error::invalid(&end_at, end, why);
    match (&port.port, port.end_port) {
        (Some(IntOrString::Int(first)), end) => {
            errors.extend(port_number(*first, &at));
            if let Some(end) = end {
                if end < *first {
                    // The first port is what Kubernetes shows.
                    errors.push(unfit(*first, "must be greater than or equal to `port`"));
                }
                errors.extend(port_number(end, &end_at));
            }
        }
        (Some(IntOrString::String(name)), end) => {
            let detail = "may not be specified when `port` is non-numeric";
            errors.extend(end.map(|end| unfit(end, detail)));
            errors.extend(found(name, is_port_name(name), &at));
        }
        (None, end) => {
            let detail = "may not be specified when `port` is not specified";
            errors.extend(end.map(|end| unfit(end, detail)));
        }
    }
    errors
}

fn peer_list(peers: Option<&[NetworkPolicyPeer]>, known: &[&str], path: &Path) -> ErrorList {
    let peers = peers.unwrap_or_default().iter().enumerate();
    peers
        .flat_map(|(at, one)| peer(one, known, &path.index(at)))
        .collect()
}

fn peer(peer: &NetworkPolicyPeer, known: &[&str], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let selectors = [
        (&peer.pod_selector, "podSelector"),
        (&peer.namespace_selector, "namespaceSelector"),
    ];
    let mut selects = false;
    for (selector, name) in selectors {
        if let Some(selector) = selector {
            selects = true;
            errors.extend(validate_label_selector(selector, &path.child(name)));
        }
    }
    if let Some(block) = &peer.ip_block {
        errors.extend(ip_block(block, known, &path.child("ipBlock")));
    }
    match (&peer.ip_block, selects) {
        (None, false) => errors.push(Error::required(path, "must specify a peer")),
        (Some(_), true) => {
            let detail = "may not specify both ipBlock and another peer";
            errors.push(Error::forbidden(path, detail));
        }
        _ => {}
    }
    errors
}

fn ip_block(block: &IPBlock, known: &[&str], path: &Path) -> ErrorList {
    let at = path.child("cidr");
    if block.cidr.is_empty() {
        return vec![Error::required(&at, "")];
    }
    let is_new = |cidr: &str| !known.contains(&cidr);
    let mut errors = is_valid_cidr_for_legacy_field(&at, &block.cidr, is_new(&block.cidr));
    let Some((network, length)) = parse_cidr_sloppy(&block.cidr) else {
        return errors;
    };
    for (at, except) in block.except.iter().flatten().enumerate() {
        let path = path.child("except").index(at);
        errors.extend(is_valid_cidr_for_legacy_field(
            &path,
            except,
            is_new(except),
        ));
        let Some((inner, inner_length)) = parse_cidr_sloppy(except) else {
            continue;
        };
        let is_within = inner.is_ipv4() == network.is_ipv4()
            && masked(inner, length) == masked(network, length)
            && length < inner_length;
        if !is_within {
            let detail = "must be a strict subset of `cidr`";
            errors.push(Error::invalid(&path, except.as_str(), detail));
        }
    }
    errors
}
