//! What a node tells of a pod, and what it may not take back.

mod claims;
mod containers;

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Pod, PodCondition, PodSpec, PodStatus};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::parse_ip_sloppy;

use super::absent::{items, items_mut, text};
use super::check::{self, Json};
use super::update;

/// Keeps everything but the status as it was, and of the status what a write may leave out but not undo.
pub(super) fn keep_the_rest(pod: &mut Pod, old: &Pod) {
    pod.spec = old.spec.clone();
    pod.metadata.owner_references = old.metadata.owner_references.clone();
    let status = pod.status.get_or_insert_default();
    let none = PodStatus::default();
    let before = old.status.as_ref().unwrap_or(&none);
    if text(&status.qos_class).is_empty() {
        status.qos_class = before.qos_class.clone();
    }
    if status.observed_generation.unwrap_or_default() == 0 {
        status.observed_generation = before.observed_generation;
    }
    // A list for each type, as there may be several conditions of one.
    let mut generations: BTreeMap<&str, std::collections::VecDeque<Option<i64>>> = BTreeMap::new();
    for condition in items(&before.conditions) {
        generations
            .entry(condition.type_.as_str())
            .or_default()
            .push_back(condition.observed_generation);
    }
    for condition in items_mut(&mut status.conditions) {
        let generation = generations
            .get_mut(condition.type_.as_str())
            .and_then(|of_type| of_type.pop_front())
            .flatten();
        if condition.observed_generation.unwrap_or_default() == 0 {
            condition.observed_generation = generation;
        }
    }
}

/// Checks a change of status.
pub(super) fn check(pod: &Pod, old: &Pod) -> ErrorList {
    let mut errors = ErrorList::new();
    update::check_annotations(&mut errors, pod, old);
    let (no_status, no_spec) = (PodStatus::default(), PodSpec::default());
    let (status, before) = (
        pod.status.as_ref().unwrap_or(&no_status),
        old.status.as_ref().unwrap_or(&no_status),
    );
    let spec = old.spec.as_ref().unwrap_or(&no_spec);
    let path = &Path::new("status");
    check_conditions(
        &mut errors,
        &path.child("conditions"),
        items(&status.conditions),
    );
    check_nomination(
        &mut errors,
        &path.child("nominatedNodeName"),
        status,
        before,
        spec,
    );
    if let Some(generation) = status
        .observed_generation
        .filter(|generation| *generation < 0)
    {
        errors.push(Error::invalid(
            &path.child("observedGeneration"),
            generation,
            "must be a non-negative integer",
        ));
    }
    if text(&status.qos_class) != text(&before.qos_class) {
        errors.push(Error::invalid(
            &path.child("qosClass"),
            text(&status.qos_class),
            "field is immutable",
        ));
    }
    containers::check_transitions(&mut errors, path, status, before, spec);
    claims::check(&mut errors, path, status, spec);
    check_pod_ips(&mut errors, &path.child("podIPs"), status, before);
    check_host_ips(&mut errors, &path.child("hostIPs"), status, before);
    containers::check_details(&mut errors, path, status, spec);
    errors
}

fn check_conditions(errors: &mut ErrorList, path: &Path, conditions: &[PodCondition]) {
    for (index, condition) in conditions.iter().enumerate() {
        let path = path.index(index);
        if let Some(generation) = condition
            .observed_generation
            .filter(|generation| *generation < 0)
        {
            errors.push(Error::invalid(
                &path.child("observedGeneration"),
                generation,
                "must be a non-negative integer",
            ));
        }
        if !matches!(
            condition.type_.as_str(),
            "PodScheduled" | "Ready" | "Initialized"
        ) {
            check::qualified_name(errors, &path.child("Type"), &condition.type_);
        }
    }
}

/// The node that other pods are being cleared away from for this one; of no use once it has a node.
fn check_nomination(
    errors: &mut ErrorList,
    path: &Path,
    status: &PodStatus,
    before: &PodStatus,
    spec: &PodSpec,
) {
    let node = text(&status.nominated_node_name);
    if node.is_empty() || node == text(&before.nominated_node_name) {
        return;
    }
    check::subdomain(errors, path, node);
    if !text(&spec.node_name).is_empty() {
        errors.push(Error::forbidden(
            path,
            "may not be set on pods that are already bound to a node",
        ));
    }
}

fn check_pod_ips(errors: &mut ErrorList, path: &Path, status: &PodStatus, before: &PodStatus) {
    let ips: Vec<&str> = items(&status.pod_ips)
        .iter()
        .map(|ip| ip.ip.as_str())
        .collect();
    let known: Vec<&str> = items(&before.pod_ips)
        .iter()
        .map(|ip| ip.ip.as_str())
        .collect();
    check_ips(errors, path, &ips, &known);
}

fn check_host_ips(errors: &mut ErrorList, path: &Path, status: &PodStatus, before: &PodStatus) {
    let ips: Vec<&str> = items(&status.host_ips)
        .iter()
        .map(|ip| ip.ip.as_str())
        .collect();
    let known: Vec<&str> = items(&before.host_ips)
        .iter()
        .map(|ip| ip.ip.as_str())
        .collect();
    if let Some(first) = ips.first().filter(|first| **first != text(&status.host_ip)) {
        errors.push(Error::invalid(
            &path.index(0).child("ip"),
            *first,
            "must be equal to `hostIP`",
        ));
    }
    check_ips(errors, path, &ips, &known);
}

/// At most one of each family. What was there before may stay, whatever it is.
fn check_ips(errors: &mut ErrorList, path: &Path, ips: &[&str], known: &[&str]) {
    for (index, ip) in ips.iter().enumerate().filter(|(_, ip)| !known.contains(ip)) {
        check::ip(errors, &path.index(index), ip);
    }
    if ips.len() < 2 {
        return;
    }
    if let Some(at) = ips.iter().position(|ip| parse_ip_sloppy(ip).is_none()) {
        let bad = ips[at];
        let why = format!("failed to check for dual stack with error:invalid IP[{at}]: {bad}");
        errors.push(Error::internal(path, why));
    }
    let families: Vec<Option<bool>> = ips
        .iter()
        .map(|ip| ip.parse().ok().map(|ip: IpAddr| ip.is_ipv4()))
        .collect();
    let both = families.contains(&Some(true)) && families.contains(&Some(false));
    if !both || ips.len() > 2 {
        let shape = Json::list(ips, |ip| Json::object(&[("IP", Json::of(ip))]));
        errors.push(Error::invalid(
            path,
            shape,
            "may specify no more than one IP for each IP family",
        ));
    }
}
