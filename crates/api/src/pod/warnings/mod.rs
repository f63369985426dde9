//! What is accepted, and yet most likely not meant.

mod containers;
mod paths;
mod scheduling;
mod volumes;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::Path;
use navarch_machinery::names::parse_ip_sloppy;

use super::absent::items;
use super::{amount, annotations};

pub(super) use containers::app_armor_deprecated;
pub(crate) use scheduling::{deprecated_label, term as node_selector_term_warnings};

/// Annotations that have lost their meaning.
const DEPRECATED: &[(&str, &str)] = &[
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    (
        "security.alpha.kubernetes.io/sysctls",
        "non-functional in v1.11+; use the \"sysctls\" field instead",
    ),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        "non-functional in v1.11+; use the \"sysctls\" field instead",
    ),
];

/// Warnings about a pod, or about the template at `template`.
pub(super) fn of(
    spec: &PodSpec,
    meta: Option<&ObjectMeta>,
    template: Option<&Path>,
) -> Vec<String> {
    let root = template.cloned().unwrap_or_else(Path::root);
    let path = &root.child("spec");
    let mut warnings = Vec::new();
    scheduling::nodes(&mut warnings, path, spec);
    let notes = meta.and_then(|meta| meta.annotations.as_ref());
    for (key, message) in DEPRECATED
        .iter()
        .filter(|(key, _)| notes.is_some_and(|notes| notes.contains_key(*key)))
    {
        warnings.push(format!(
            "{}: {message}",
            root.child("metadata").child("annotations").key(key)
        ));
    }
    volumes::old_kinds(&mut warnings, path, spec);
    paths::overlaps(&mut warnings, items(&spec.volumes));
    duplicates(&mut warnings, path, spec);
    for name in ["memory", "ephemeral-storage"] {
        if let Some(value) = spec
            .overhead
            .as_ref()
            .and_then(|overhead| overhead.get(name))
        {
            fractional(&mut warnings, &path.child("overhead").key(name), value);
        }
    }
    let filtered = spec
        .security_context
        .as_ref()
        .is_some_and(|context| context.seccomp_profile.is_some());
    if !filtered && notes.is_some_and(|notes| notes.contains_key(annotations::SECCOMP_POD)) {
        warnings.push(seccomp(&root, annotations::SECCOMP_POD));
    }
    containers::check(&mut warnings, &root, spec, notes, template.is_some());
    containers::ports(&mut warnings, path, spec);
    if spec
        .termination_grace_period_seconds
        .is_some_and(|seconds| seconds < 0)
    {
        let path = path.child("terminationGracePeriodSeconds");
        warnings.push(format!(
            "{path}: must be >= 0; negative values are invalid and will be treated as 1"
        ));
    }
    scheduling::pods(&mut warnings, path, spec);
    let servers = spec
        .dns_config
        .as_ref()
        .map_or(&[][..], |config| items(&config.nameservers));
    for (index, server) in servers.iter().enumerate() {
        warnings.extend(ip(
            &path.child("dnsConfig").child("nameservers").index(index),
            server,
        ));
    }
    for (index, alias) in items(&spec.host_aliases).iter().enumerate() {
        warnings.extend(ip(
            &path.child("hostAliases").index(index).child("ip"),
            &alias.ip,
        ));
    }
    warnings
}

fn seccomp(root: &Path, key: &str) -> String {
    let path = root.child("metadata").child("annotations").key(key);
    format!("{path}: non-functional in v1.27+; use the \"seccompProfile\" field instead")
}

fn duplicates(warnings: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    let mut ips = BTreeSet::new();
    for (index, alias) in items(&spec.host_aliases).iter().enumerate() {
        if !ips.insert(alias.ip.as_str()) {
            let path = path.child("hostAliases").index(index).child("ip");
            warnings.push(format!("{path}: duplicate ip {:?}", alias.ip));
        }
    }
    let secrets = items(&spec.image_pull_secrets);
    let at = |index: usize| path.child("imagePullSecrets").index(index).child("name");
    let mut names = BTreeSet::new();
    for (index, secret) in secrets.iter().enumerate() {
        if !names.insert(secret.name.as_str()) {
            warnings.push(format!("{}: duplicate name {:?}", at(index), secret.name));
        }
    }
    for (index, _) in secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| secret.name.is_empty())
    {
        warnings.push(format!("{}: invalid empty name \"\"", at(index)));
    }
}

/// Bytes come whole.
/// An amount that is finer than what is counted.
pub(crate) fn fractional(
    warnings: &mut Vec<String>,
    path: &Path,
    value: &k8s_openapi::apimachinery::pkg::api::resource::Quantity,
) {
    if !amount::is_whole(value) {
        warnings.push(format!(
            "{path}: fractional byte value {:?} is invalid, must be an integer",
            amount::shown(value)
        ));
    }
}

/// An address that is understood, but not written as it should be.
pub(super) fn ip(path: &Path, value: &str) -> Option<String> {
    let ip = parse_ip_sloppy(value)?;
    let canonical = match ip {
        std::net::IpAddr::V6(v6) => v6
            .to_ipv4_mapped()
            .map_or_else(|| v6.to_string(), |v4| v4.to_string()),
        std::net::IpAddr::V4(v4) => v4.to_string(),
    };
    let strict = value.parse::<std::net::IpAddr>().ok();
    let is_mapped =
        matches!(strict, Some(std::net::IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some());
    if strict.is_none() || is_mapped {
        return Some(format!(
            "{path}: non-standard IP address {value:?} is invalid: use {canonical:?}"
        ));
    }
    let differs = ip.is_ipv6() && canonical != value;
    differs.then(|| {
        format!(
            "{path}: IPv6 address {value:?} should be in RFC 5952 canonical format ({canonical:?})"
        )
    })
}
