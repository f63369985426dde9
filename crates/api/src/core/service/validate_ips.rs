//! Cluster IPs, IP families and their policy: what they must be together.

use k8s_openapi::api::core::v1::ServiceSpec;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_valid_ip;

use super::validate::optional_one_of;
use super::{HEADLESS, is_headless, needs_cluster_ip};
use crate::address::is_ipv6;
use crate::check::one_of;
use crate::shown::json;

const FAMILIES: &[&str] = &["IPv4", "IPv6"];
const POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];

/// Checks the fields that addresses are given by; `path` is the spec's. The server asks before it allocates.
pub fn validate_ip_fields(spec: &ServiceSpec, path: &Path) -> ErrorList {
    if !needs_cluster_ip(spec) {
        return ErrorList::new();
    }
    let ips = spec.cluster_ips.as_deref().unwrap_or_default();
    let at = path.child("clusterIPs");
    let mut errors = in_step(spec, ips, &at);
    errors.extend(families(spec, &path.child("ipFamilies")));
    let policy = spec.ip_family_policy.as_deref();
    errors.extend(optional_one_of(
        policy,
        POLICIES,
        &path.child("ipFamilyPolicy"),
    ));
    let bad = addresses(ips, &at);
    let is_sound = bad.is_empty();
    errors.extend(bad);
    if ips.len() > 2 {
        errors.push(Error::invalid(
            &at,
            json(ips),
            "may only hold up to 2 values",
        ));
    }
    if is_sound {
        errors.extend(of_their_families(spec, ips, &at));
    }
    errors
}

/// The singular field is the first of the plural.
fn in_step(spec: &ServiceSpec, ips: &[String], path: &Path) -> ErrorList {
    match (spec.cluster_ip.as_deref().unwrap_or_default(), ips.first()) {
        ("", None) => ErrorList::new(),
        ("", Some(_)) => vec![Error::invalid(
            path,
            json(ips),
            "must be empty when `clusterIP` is not specified",
        )],
        (_, None) => vec![Error::required(path, "")],
        (ip, Some(first)) if ip == first => ErrorList::new(),
        (_, Some(_)) => vec![Error::invalid(
            path,
            json(ips),
            "first value must match `clusterIP`",
        )],
    }
}

fn families(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let families = spec.ip_families.as_deref().unwrap_or_default();
    let mut errors = ErrorList::new();
    for (at, family) in families.iter().enumerate() {
        errors.extend(one_of(family, FAMILIES, &path.index(at)));
        if families[..at].contains(family) {
            errors.push(Error::duplicate(&path.index(at), family.as_str()));
        }
    }
    errors
}

fn addresses(ips: &[String], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (at, ip) in ips.iter().enumerate() {
        if at > 0 || ip != HEADLESS {
            errors.extend(is_valid_ip(&path.index(at), ip));
        } else if ips.len() > 1 {
            errors.push(Error::invalid(
                path,
                json(ips),
                "'None' must be the first and only value",
            ));
        }
    }
    errors
}

fn of_their_families(spec: &ServiceSpec, ips: &[String], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let sixes = ips.iter().filter(|ip| is_ipv6(ip)).count();
    if ips.len() > 1 && (ips.len() > 2 || sixes != 1) {
        errors.push(Error::invalid(
            path,
            json(ips),
            "may specify no more than one IP for each IP family",
        ));
    }
    if is_headless(spec) {
        return errors;
    }
    for (at, (ip, family)) in ips
        .iter()
        .zip(spec.ip_families.iter().flatten())
        .enumerate()
    {
        if is_ipv6(ip) != (family == "IPv6") {
            let detail = format!("expected an {family} value as indicated by `ipFamilies[{at}]`");
            errors.push(Error::invalid(&path.index(at), ip.as_str(), detail));
        }
    }
    errors
}
