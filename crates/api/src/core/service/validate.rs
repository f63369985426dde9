//! What a service may be.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec, SessionAffinityConfig};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_valid_cidr, is_valid_ip};

use super::{is_headless, service_type, traffic, validate_ip_fields};
use crate::address::endpoint_ip;
use crate::check::{
    PROTOCOLS, dns_label, dns_subdomain, one_of, port, port_number, qualified_name, required_one_of,
};
use crate::metadata::validate_labels;
use crate::shown::{Raw, json};

const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const AFFINITIES: &[&str] = &["ClientIP", "None"];
const MAX_AFFINITY_SECONDS: i32 = 86_400;
const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const MODE: &str = "service.kubernetes.io/topology-mode";
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

pub(super) fn service(service: &Service) -> ErrorList {
    let mut errors = topology_annotations(service);
    let empty = ServiceSpec::default();
    let spec = service.spec.as_ref().unwrap_or(&empty);
    let path = Path::new("spec");
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && !is_headless(spec) && service_type(spec) != "ExternalName" {
        errors.push(Error::required(&path.child("ports"), ""));
    }
    errors.extend(of_type(spec, &path));
    errors.extend(all_ports(ports, &path.child("ports")));
    errors.extend(validate_labels(
        spec.selector.as_ref(),
        &path.child("selector"),
    ));
    errors.extend(affinity(spec, &path));
    errors.extend(validate_ip_fields(spec, &path));
    errors.extend(external_ips(spec, &path.child("externalIPs")));
    errors.extend(required_one_of(
        spec.type_.as_deref(),
        TYPES,
        &path.child("type"),
    ));
    errors.extend(node_ports(spec, ports, &path.child("ports")));
    errors.extend(same_ports(ports, &path.child("ports")));
    errors.extend(source_ranges(service, spec, &path));
    errors.extend(balancer(spec, &path));
    errors.extend(traffic::validate(spec, &path));
    errors
}

fn topology_annotations(service: &Service) -> ErrorList {
    let annotation = |key: &str| {
        service
            .metadata
            .annotations
            .as_ref()
            .and_then(|a| a.get(key))
    };
    match (annotation(MODE), annotation(HINTS)) {
        (Some(mode), Some(hints)) if mode != hints => {
            let path = Path::new("metadata").child("annotations").key(MODE);
            let detail = format!("must match annotations[{HINTS}] when both are specified");
            vec![Error::invalid(&path, mode.as_str(), detail)]
        }
        _ => ErrorList::new(),
    }
}

/// What the type forbids and asks for.
fn of_type(spec: &ServiceSpec, path: &Path) -> ErrorList {
    match service_type(spec) {
        kind @ ("LoadBalancer" | "NodePort") if is_headless(spec) => {
            let detail = format!("may not be set to 'None' for {kind} services");
            vec![Error::invalid(
                &path.child("clusterIPs").index(0),
                super::HEADLESS,
                detail,
            )]
        }
        "ExternalName" => external_name(spec, path),
        _ => ErrorList::new(),
    }
}

fn external_name(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let set = [
        (
            "clusterIPs",
            spec.cluster_ips.as_ref().is_some_and(|ips| !ips.is_empty()),
        ),
        (
            "ipFamilies",
            spec.ip_families
                .as_ref()
                .is_some_and(|families| !families.is_empty()),
        ),
        ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
    ];
    let mut errors = ErrorList::new();
    for (name, _) in set.into_iter().filter(|(_, set)| *set) {
        errors.push(Error::forbidden(
            &path.child(name),
            "may not be set for ExternalName services",
        ));
    }
    let name = spec.external_name.as_deref().unwrap_or_default();
    // A dot at the end says that the name is complete.
    match name.strip_suffix('.').unwrap_or(name) {
        "" => errors.push(Error::required(&path.child("externalName"), "")),
        name => errors.extend(dns_subdomain(name, &path.child("externalName"))),
    }
    errors
}

fn all_ports(ports: &[ServicePort], path: &Path) -> ErrorList {
    let mut names = BTreeSet::new();
    let mut errors = ErrorList::new();
    for (at, given) in ports.iter().enumerate() {
        errors.extend(one_port(
            given,
            ports.len() > 1,
            &mut names,
            &path.index(at),
        ));
    }
    errors
}

fn one_port<'a>(
    given: &'a ServicePort,
    named: bool,
    names: &mut BTreeSet<&'a str>,
    path: &Path,
) -> ErrorList {
    let mut errors = ErrorList::new();
    match given.name.as_deref().unwrap_or_default() {
        "" if named => errors.push(Error::required(&path.child("name"), "")),
        "" => {}
        name => {
            errors.extend(dns_label(name, &path.child("name")));
            if !names.insert(name) {
                errors.push(Error::duplicate(&path.child("name"), name));
            }
        }
    }
    errors.extend(port_number(given.port, &path.child("port")));
    errors.extend(required_one_of(
        given.protocol.as_deref(),
        PROTOCOLS,
        &path.child("protocol"),
    ));
    let target = given.target_port.clone().unwrap_or(IntOrString::Int(0));
    errors.extend(port(&target, &path.child("targetPort")));
    if let Some(protocol) = &given.app_protocol {
        errors.extend(qualified_name(protocol, &path.child("appProtocol")));
    }
    errors
}

fn affinity(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let mut errors = required_one_of(
        spec.session_affinity.as_deref(),
        AFFINITIES,
        &path.child("sessionAffinity"),
    );
    let path = path.child("sessionAffinityConfig");
    match (
        spec.session_affinity.as_deref(),
        &spec.session_affinity_config,
    ) {
        (Some("ClientIP"), config) => errors.extend(client_ip_config(config.as_ref(), &path)),
        (Some("None"), Some(_)) => errors.push(Error::forbidden(
            &path,
            "must not be set when session affinity is None",
        )),
        _ => {}
    }
    errors
}

fn client_ip_config(config: Option<&SessionAffinityConfig>, path: &Path) -> ErrorList {
    let missing = |path: &Path| {
        vec![Error::required(
            path,
            "when session affinity type is ClientIP",
        )]
    };
    let Some(config) = config else {
        return missing(path);
    };
    let path = path.child("clientIP");
    let Some(config) = &config.client_ip else {
        return missing(&path);
    };
    let path = path.child("timeoutSeconds");
    match config.timeout_seconds {
        None => missing(&path),
        Some(1..=MAX_AFFINITY_SECONDS) => ErrorList::new(),
        Some(seconds) => {
            let detail = format!("must be greater than 0 and less than {MAX_AFFINITY_SECONDS}");
            vec![Error::invalid(&path, seconds, detail)]
        }
    }
}

fn external_ips(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let ips = spec.external_ips.iter().flatten().enumerate();
    ips.flat_map(|(at, ip)| {
        let path = path.index(at);
        let errors = is_valid_ip(&path, ip);
        if errors.is_empty() {
            endpoint_ip(ip, &path)
        } else {
            errors
        }
    })
    .collect()
}

fn node_ports(spec: &ServiceSpec, ports: &[ServicePort], path: &Path) -> ErrorList {
    let numbered = || {
        ports
            .iter()
            .enumerate()
            .filter(|(_, port)| port.node_port.unwrap_or_default() != 0)
    };
    let mut errors = ErrorList::new();
    if service_type(spec) == "ClusterIP" {
        let detail = "may not be used when `type` is 'ClusterIP'";
        errors.extend(
            numbered().map(|(at, _)| Error::forbidden(&path.index(at).child("nodePort"), detail)),
        );
    }
    let mut seen = BTreeSet::new();
    for (at, port) in numbered() {
        let number = port.node_port.unwrap_or_default();
        if !seen.insert((port.protocol.as_deref(), number)) {
            errors.push(Error::duplicate(&path.index(at).child("nodePort"), number));
        }
    }
    errors
}

fn same_ports(ports: &[ServicePort], path: &Path) -> ErrorList {
    let mut seen = BTreeSet::new();
    let mut errors = ErrorList::new();
    for (at, port) in ports.iter().enumerate() {
        if !seen.insert((port.protocol.as_deref(), port.port)) {
            errors.push(Error::duplicate(&path.index(at), shown_port(port)));
        }
    }
    errors
}

/// What makes two ports the same, under the names that Kubernetes has for it inside.
fn shown_port(port: &ServicePort) -> Raw {
    let protocol = json(port.protocol.as_deref().unwrap_or_default()).0;
    Raw(format!(
        r#"{{"Name":"","Protocol":{protocol},"AppProtocol":null,"Port":{},"TargetPort":0,"NodePort":0}}"#,
        port.port
    ))
}

fn source_ranges(service: &Service, spec: &ServiceSpec, path: &Path) -> ErrorList {
    let only_for_balancers = |path: &Path| match service_type(spec) {
        "LoadBalancer" => ErrorList::new(),
        _ => vec![Error::forbidden(
            path,
            "may only be used when `type` is 'LoadBalancer'",
        )],
    };
    let ranges = spec
        .load_balancer_source_ranges
        .as_deref()
        .unwrap_or_default();
    if !ranges.is_empty() {
        let path = path.child("LoadBalancerSourceRanges");
        let mut errors = only_for_balancers(&path);
        errors.extend(
            ranges
                .iter()
                .enumerate()
                .flat_map(|(at, range)| is_valid_cidr(&path.index(at), range.trim())),
        );
        return errors;
    }
    let annotation = service
        .metadata
        .annotations
        .as_ref()
        .and_then(|a| a.get(SOURCE_RANGES));
    let Some(ranges) = annotation else {
        return ErrorList::new();
    };
    let path = Path::new("metadata")
        .child("annotations")
        .key(SOURCE_RANGES);
    let mut errors = only_for_balancers(&path);
    if !ranges.trim().is_empty() {
        errors.extend(
            ranges
                .split(',')
                .flat_map(|range| is_valid_cidr(&path, range.trim())),
        );
    }
    errors
}

const ONLY: &str = "may only be used when `type` is 'LoadBalancer'";

fn balancer(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let balances = service_type(spec) == "LoadBalancer";
    let mut errors = ErrorList::new();
    match spec.allocate_load_balancer_node_ports {
        Some(_) if !balances => errors.push(Error::forbidden(
            &path.child("allocateLoadBalancerNodePorts"),
            ONLY,
        )),
        None if balances => errors.push(Error::required(
            &Path::new("allocateLoadBalancerNodePorts"),
            "",
        )),
        _ => {}
    }
    errors.extend(balancer_class(spec, path));
    errors
}

/// Checks the class of a service's load balancer.
pub(super) fn balancer_class(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let class = path.child("loadBalancerClass");
    match &spec.load_balancer_class {
        Some(name) if service_type(spec) == "LoadBalancer" => qualified_name(name, &class),
        Some(_) => vec![Error::forbidden(&class, ONLY)],
        None => ErrorList::new(),
    }
}

/// Checks a value of a fixed set that need not be there.
pub(super) fn optional_one_of(value: Option<&str>, supported: &[&str], path: &Path) -> ErrorList {
    value
        .map(|value| one_of(value, supported, path))
        .unwrap_or_default()
}
