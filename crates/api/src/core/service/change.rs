//! What may change of a service, and what goes when its type changes.

use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service, ServiceSpec};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_dns1123_subdomain, is_valid_ip, parse_ip_sloppy};

use super::validate::balancer_class;
use super::{
    is_externally_accessible, is_headless, needs_cluster_ip, needs_health_check_port,
    needs_node_ports, service_type,
};
use crate::check::{found, one_of};
use crate::shown::json;

const STAYS: &str = "may not change once set";

/// Takes out what was filled in for the old type, is of no use for the new one, and was not changed at the same time.
pub(super) fn drop_what_the_type_has_no_use_for(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && !needs_cluster_ip(spec) {
        if spec.cluster_ip == old.cluster_ip && spec.cluster_ips == old.cluster_ips {
            spec.cluster_ip = None;
            spec.cluster_ips = None;
        }
        if spec.ip_families == old.ip_families {
            spec.ip_families = None;
        }
        if spec.ip_family_policy == old.ip_family_policy {
            spec.ip_family_policy = None;
        }
    }
    if needs_node_ports(old) && !needs_node_ports(spec) && adds_no_node_port(spec, old) {
        spec.ports
            .iter_mut()
            .flatten()
            .for_each(|port| port.node_port = None);
    }
    let checked = needs_health_check_port(old) && !needs_health_check_port(spec);
    if checked && spec.health_check_node_port == old.health_check_node_port {
        spec.health_check_node_port = None;
    }
    if service_type(old) == "LoadBalancer" && service_type(spec) != "LoadBalancer" {
        if spec.allocate_load_balancer_node_ports == old.allocate_load_balancer_node_ports {
            spec.allocate_load_balancer_node_ports = None;
        }
        if spec.load_balancer_class == old.load_balancer_class {
            spec.load_balancer_class = None;
        }
    }
    let reachable = is_externally_accessible(old) && !is_externally_accessible(spec);
    if reachable && spec.external_traffic_policy == old.external_traffic_policy {
        spec.external_traffic_policy = None;
    }
}

fn node_ports(spec: &ServiceSpec) -> impl Iterator<Item = i32> {
    spec.ports
        .iter()
        .flatten()
        .filter_map(|port| port.node_port.filter(|&port| port != 0))
}

fn adds_no_node_port(spec: &ServiceSpec, old: &ServiceSpec) -> bool {
    node_ports(spec).all(|port| node_ports(old).any(|before| before == port))
}

/// Checks a change of the spec.
pub(super) fn validate(service: &Service, old: &Service) -> ErrorList {
    let (Some(spec), Some(before)) = (&service.spec, &old.spec) else {
        return ErrorList::new();
    };
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    if needs_cluster_ip(spec) && needs_cluster_ip(before) {
        errors.extend(cluster_ips(spec, before, &path));
        errors.extend(ip_families(spec, before, &path));
    }
    let balances = |spec| service_type(spec) == "LoadBalancer";
    if balances(spec) && balances(before) && spec.load_balancer_class != before.load_balancer_class
    {
        errors.push(Error::invalid(
            &path.child("loadBalancerClass"),
            json(&spec.load_balancer_class),
            STAYS,
        ));
    }
    // Told again: it was looked at as that of a service that is new.
    errors.extend(balancer_class(spec, &path));
    let checked = needs_health_check_port(before) && needs_health_check_port(spec);
    if checked && spec.health_check_node_port != before.health_check_node_port {
        errors.push(Error::forbidden(
            &path.child("healthCheckNodePort"),
            "field is immutable",
        ));
    }
    errors
}

fn cluster_ips(spec: &ServiceSpec, old: &ServiceSpec, path: &Path) -> ErrorList {
    if is_headless(spec) && is_headless(old) {
        return ErrorList::new();
    }
    let now = spec.cluster_ips.as_deref().unwrap_or_default();
    let before = old.cluster_ips.as_deref().unwrap_or_default();
    let at = |index| path.child("clusterIPs").index(index);
    let changed = |index: usize| Error::invalid(&at(index), json(now), STAYS);
    if now.len() == before.len() {
        let pairs = now.iter().zip(before).enumerate();
        return pairs
            .filter(|(_, (now, before))| now != before)
            .map(|(index, _)| changed(index))
            .collect();
    }
    let mut errors = ErrorList::new();
    match (now.first(), before.first()) {
        (None, Some(_)) => errors.push(Error::invalid(
            &at(0),
            json(now),
            "primary clusterIP can not be unset",
        )),
        (Some(now), Some(before)) if now != before => errors.push(changed(0)),
        _ => {}
    }
    if now.len() < before.len() && now.len() == 1 {
        errors.extend(asks_for_single_stack(
            spec,
            path,
            "must be set to 'SingleStack' when releasing the secondary clusterIP",
        ));
    }
    errors
}

fn ip_families(spec: &ServiceSpec, old: &ServiceSpec, path: &Path) -> ErrorList {
    if is_headless(spec) || is_headless(old) {
        return ErrorList::new();
    }
    let now = spec.ip_families.as_deref().unwrap_or_default();
    let before = old.ip_families.as_deref().unwrap_or_default();
    let first = path.child("ipFamilies").index(0);
    if now.len() == before.len() {
        let changes = now.iter().zip(before).filter(|(now, before)| now != before);
        return changes
            .map(|_| Error::invalid(&first, json(now), STAYS))
            .collect();
    }
    let mut errors = ErrorList::new();
    let ips = spec.cluster_ips.as_deref().unwrap_or_default();
    if now.len() < before.len() && ips.is_empty() {
        errors.push(Error::invalid(
            &first,
            json(now),
            "primary ipFamily can not be unset",
        ));
    }
    if let (Some(family), Some(primary)) = (now.first(), before.first())
        && family != primary
    {
        errors.push(Error::invalid(&first, json(ips), STAYS));
    }
    if now.len() < before.len() && now.len() == 1 {
        errors.extend(asks_for_single_stack(
            spec,
            path,
            "must be set to 'SingleStack' when releasing the secondary ipFamily",
        ));
    }
    errors
}

fn asks_for_single_stack(spec: &ServiceSpec, path: &Path, detail: &str) -> Option<Error> {
    let policy = &spec.ip_family_policy;
    let wanted = policy.as_deref() == Some("SingleStack");
    (!wanted).then(|| Error::invalid(&path.child("ipFamilyPolicy"), json(policy), detail))
}

/// Checks the status of a load balancer.
pub(super) fn validate_status(service: &Service) -> ErrorList {
    let balancer = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer
        .and_then(|balancer| balancer.ingress.as_deref())
        .unwrap_or_default();
    let path = Path::new("status").child("loadBalancer").child("ingress");
    let balances = service
        .spec
        .as_ref()
        .is_some_and(|spec| service_type(spec) == "LoadBalancer");
    if !balances && !ingress.is_empty() {
        return vec![Error::forbidden(
            &path,
            "may only be used when `spec.type` is 'LoadBalancer'",
        )];
    }
    ingress
        .iter()
        .enumerate()
        .flat_map(|(at, ingress)| validate_ingress(ingress, &path.index(at)))
        .collect()
}

fn validate_ingress(ingress: &LoadBalancerIngress, path: &Path) -> ErrorList {
    let ip = ingress.ip.as_deref().unwrap_or_default();
    let mut errors = if ip.is_empty() {
        ErrorList::new()
    } else {
        is_valid_ip(&path.child("ip"), ip)
    };
    let mode = path.child("ipMode");
    match &ingress.ip_mode {
        None if !ip.is_empty() => {
            errors.push(Error::required(&mode, "must be specified when `ip` is set"));
        }
        Some(_) if ip.is_empty() => errors.push(Error::forbidden(
            &mode,
            "may not be specified when `ip` is not set",
        )),
        Some(given) => errors.extend(one_of(given, &["Proxy", "VIP"], &mode)),
        None => {}
    }
    let hostname = ingress.hostname.as_deref().unwrap_or_default();
    if !hostname.is_empty() {
        let path = path.child("hostname");
        errors.extend(found(hostname, is_dns1123_subdomain(hostname), &path));
        if parse_ip_sloppy(hostname).is_some() {
            errors.push(Error::invalid(
                &path,
                hostname,
                "must be a DNS name, not an IP address",
            ));
        }
    }
    errors
}
