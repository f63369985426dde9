//! What a service is to be given: the pure part of allocation.
//!
//! The server calls, before validation: on update [`carry_over`]; then [`align_cluster_ips`] and [`set_ip_families`]; then it
//! gives the service what [`wanted_cluster_ips`] says and [`super::node_ports::allocate`] asks for, and takes back what the old one has no more.

use k8s_openapi::api::core::v1::ServiceSpec;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::{
    HEADLESS, gets_node_ports, is_headless, needs_cluster_ip, needs_health_check_port,
    validate_ip_fields,
};
use crate::address::is_ipv6;
use crate::shown::json;

const IPV4: &str = "IPv4";
const IPV6: &str = "IPv6";
const SINGLE: &str = "SingleStack";

/// Keeps what the old service was given and the client left out.
pub fn carry_over(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && needs_cluster_ip(spec) {
        if spec.cluster_ip.as_deref().unwrap_or_default().is_empty() {
            spec.cluster_ip.clone_from(&old.cluster_ip);
        }
        if spec.cluster_ips.as_ref().is_none_or(Vec::is_empty) {
            spec.cluster_ips.clone_from(&old.cluster_ips);
        }
    }
    if gets_node_ports(old) && gets_node_ports(spec) {
        carry_over_node_ports(spec, old);
    }
    let checked = needs_health_check_port(old) && needs_health_check_port(spec);
    if checked && spec.health_check_node_port.unwrap_or_default() == 0 {
        spec.health_check_node_port = old.health_check_node_port;
    }
}

/// Ports are known by their names.
fn carry_over_node_ports(spec: &mut ServiceSpec, old: &ServiceSpec) {
    let numbers = |spec: &ServiceSpec| -> Vec<i32> {
        spec.ports
            .iter()
            .flatten()
            .filter_map(|p| p.node_port)
            .collect()
    };
    let taken = numbers(spec);
    for port in spec
        .ports
        .iter_mut()
        .flatten()
        .filter(|port| port.node_port.unwrap_or_default() == 0)
    {
        let name = port.name.as_deref().unwrap_or_default();
        let mut before = old.ports.iter().flatten().rev();
        let before = before.find(|old| old.name.as_deref().unwrap_or_default() == name);
        port.node_port = before
            .and_then(|old| old.node_port)
            .filter(|number| !taken.contains(number));
    }
}

/// Brings `clusterIP` and `clusterIPs` in step where the client knows only the one.
pub fn align_cluster_ips(spec: &mut ServiceSpec, old: Option<&ServiceSpec>) {
    let singular = |spec: &ServiceSpec| spec.cluster_ip.clone().unwrap_or_default();
    let plural = |spec: &ServiceSpec| spec.cluster_ips.clone().unwrap_or_default();
    let ip = singular(spec);
    let Some(old) = old else {
        if !ip.is_empty() && plural(spec).is_empty() {
            spec.cluster_ips = Some(vec![ip]);
        }
        return;
    };
    if !plural(old).is_empty() && plural(spec).is_empty() && singular(old) == ip {
        spec.cluster_ips.clone_from(&old.cluster_ips);
    }
    // Clients compare both fields; Kubernetes, where only the singular one changed, lets the plural one follow.
    if singular(old) != ip && plural(old) == plural(spec) {
        spec.cluster_ips = (!ip.is_empty()).then(|| vec![ip]);
    }
}

/// Sets `ipFamilyPolicy` and `ipFamilies` from what the client says and the families that the cluster has, the first of which
/// is the default. The errors are those that Kubernetes refuses the service with.
pub fn set_ip_families(
    spec: &mut ServiceSpec,
    old: Option<&ServiceSpec>,
    cluster: &[&str],
) -> ErrorList {
    if !needs_cluster_ip(spec) {
        return ErrorList::new();
    }
    if old.is_some_and(|old| stays_as_it_is(spec, old)) {
        return ErrorList::new();
    }
    let path = Path::new("spec");
    let loose = spec.cluster_ip.as_deref() == Some(HEADLESS)
        && spec.selector.as_ref().is_none_or(|s| s.is_empty());
    if spec.ip_family_policy.is_none() {
        let inherited = old.and_then(|old| old.ip_family_policy.clone());
        let default = if loose { "RequireDualStack" } else { SINGLE };
        spec.ip_family_policy = Some(inherited.unwrap_or_else(|| default.to_owned()));
    }
    let errors = validate_ip_fields(spec, &path);
    if !errors.is_empty() {
        return errors;
    }
    let mut errors = old
        .map(|old| release_secondary(spec, old, &path))
        .unwrap_or_default();
    errors.extend(fits_policy(spec, &path));
    errors.extend(families_of_addresses(spec, cluster, &path));
    if !errors.is_empty() {
        return errors;
    }
    if !loose {
        errors = is_configured(spec, cluster, &path);
        if !errors.is_empty() {
            return errors;
        }
    }
    fill_families(spec, loose, cluster);
    errors
}

/// Whether a service that takes both families where there are both has what it had: it gets no second family by a change of something else,
/// and loses none, whatever the cluster has by now.
fn stays_as_it_is(spec: &ServiceSpec, old: &ServiceSpec) -> bool {
    const PREFER: Option<&str> = Some("PreferDualStack");
    spec.type_ == old.type_
        && needs_cluster_ip(old)
        && spec.ip_family_policy.as_deref() == PREFER
        && matches!(old.ip_family_policy.as_deref(), None | PREFER)
        && spec.cluster_ips == old.cluster_ips
        && spec.ip_families == old.ip_families
}

fn is_single(spec: &ServiceSpec) -> bool {
    spec.ip_family_policy.as_deref() == Some(SINGLE)
}

/// Going to one family drops the second of what did not change; keeping two and giving fewer is an error.
fn release_secondary(spec: &mut ServiceSpec, old: &ServiceSpec, path: &Path) -> ErrorList {
    if is_single(spec) {
        if spec.cluster_ips == old.cluster_ips {
            spec.cluster_ips.iter_mut().for_each(|ips| ips.truncate(1));
        }
        if spec.ip_families == old.ip_families {
            spec.ip_families
                .iter_mut()
                .for_each(|families| families.truncate(1));
        }
        return ErrorList::new();
    }
    let reduced = |now: &Option<Vec<String>>, before: &Option<Vec<String>>| {
        let (now, before) = (
            now.as_ref().map_or(0, Vec::len),
            before.as_ref().map_or(0, Vec::len),
        );
        now > 0 && now < before
    };
    let path = path.child("ipFamilyPolicy");
    let refuse = |what| {
        Error::invalid(
            &path,
            json(&spec.ip_family_policy),
            format!("must be 'SingleStack' to release {what}"),
        )
    };
    let mut errors = ErrorList::new();
    if reduced(&spec.cluster_ips, &old.cluster_ips) {
        errors.push(refuse("the secondary cluster IP"));
    }
    if reduced(&spec.ip_families, &old.ip_families) {
        errors.push(refuse("the secondary IP family"));
    }
    errors
}

fn fits_policy(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let two = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| list.len() == 2);
    let mut errors = ErrorList::new();
    if !is_single(spec) {
        return errors;
    }
    let path = path.child("ipFamilyPolicy");
    for (what, _) in [
        ("cluster IPs", two(&spec.cluster_ips)),
        ("IP families", two(&spec.ip_families)),
    ]
    .into_iter()
    .filter(|(_, two)| *two)
    {
        let detail = format!(
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
        );
        errors.push(Error::invalid(&path, json(&spec.ip_family_policy), detail));
    }
    errors
}

/// Adds the families of addresses that were asked for by number.
fn families_of_addresses(spec: &mut ServiceSpec, cluster: &[&str], path: &Path) -> ErrorList {
    let ips = spec.cluster_ips.clone().unwrap_or_default();
    let mut errors = ErrorList::new();
    for (at, ip) in ips.iter().enumerate().take_while(|(_, ip)| *ip != HEADLESS) {
        let family = if is_ipv6(ip) { IPV6 } else { IPV4 };
        if spec
            .ip_families
            .as_ref()
            .is_some_and(|families| at < families.len())
        {
            continue;
        }
        if cluster.contains(&family) {
            spec.ip_families
                .get_or_insert_default()
                .push(family.to_owned());
        } else {
            let detail = format!("{family} is not configured on this cluster");
            errors.push(Error::invalid(
                &path.child("clusterIPs").index(at),
                json(&ips),
                detail,
            ));
        }
    }
    errors
}

fn is_configured(spec: &ServiceSpec, cluster: &[&str], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if spec.ip_family_policy.as_deref() == Some("RequireDualStack") && cluster.len() < 2 {
        let detail = "this cluster is not configured for dual-stack services";
        errors.push(Error::invalid(
            &path.child("ipFamilyPolicy"),
            json(&spec.ip_family_policy),
            detail,
        ));
    }
    for (at, family) in spec.ip_families.iter().flatten().enumerate() {
        if !cluster.contains(&family.as_str()) {
            let path = path.child("ipFamilies").index(at);
            errors.push(Error::invalid(
                &path,
                family.as_str(),
                "not configured on this cluster",
            ));
        }
    }
    errors
}

fn fill_families(spec: &mut ServiceSpec, loose: bool, cluster: &[&str]) {
    let wants_two = !is_single(spec) && (loose || cluster.len() == 2);
    let families = spec.ip_families.get_or_insert_default();
    if families.is_empty() {
        families.extend(cluster.first().map(|&family| family.to_owned()));
    }
    if let ([only], true) = (families.as_slice(), wants_two) {
        let other = if only == IPV4 { IPV6 } else { IPV4 };
        families.push(other.to_owned());
    }
}

/// For each IP family of the service: the address asked for, or `None` for any. Empty for services without addresses.
pub fn wanted_cluster_ips(spec: &ServiceSpec) -> Vec<(String, Option<String>)> {
    if !needs_cluster_ip(spec) || is_headless(spec) {
        return Vec::new();
    }
    let ips = spec.cluster_ips.as_deref().unwrap_or_default();
    let asked = |at: usize| ips.get(at).filter(|ip| !ip.is_empty()).cloned();
    spec.ip_families
        .iter()
        .flatten()
        .enumerate()
        .map(|(at, family)| (family.clone(), asked(at)))
        .collect()
}

/// Puts the addresses given into the service, in the order of its families.
pub fn put_cluster_ips(spec: &mut ServiceSpec, ips: Vec<String>) {
    spec.cluster_ip = ips.first().cloned();
    spec.cluster_ips = Some(ips);
}
