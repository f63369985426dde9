//! What a pod, and no template, leaves out.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::super::absent::{entries, flag, items_mut};
use super::super::resource_names::{is_hugepages, is_overcommitable, is_pod_level};
use super::super::totals::{container_limits, container_requests};

/// Fills in what a pod leaves out.
pub(in super::super) fn default_pod(pod: &mut Pod) {
    let spec = pod.spec.get_or_insert_default();
    super::default_spec(spec);
    spec.containers.iter_mut().for_each(default_requests);
    items_mut(&mut spec.init_containers)
        .iter_mut()
        .for_each(default_requests);
    default_pod_limits(spec);
    default_pod_requests(spec);
    spec.enable_service_links.get_or_insert(true);
    if flag(spec.host_network) {
        spec.containers.iter_mut().for_each(default_host_ports);
        items_mut(&mut spec.init_containers)
            .iter_mut()
            .for_each(default_host_ports);
    }
    // A negative grace period was once accepted, and means the shortest there is.
    if spec
        .termination_grace_period_seconds
        .is_some_and(|seconds| seconds < 0)
    {
        spec.termination_grace_period_seconds = Some(1);
    }
    default_status(pod);
}

/// A container that limits a resource asks for as much of it, unless it says otherwise.
fn default_requests(container: &mut Container) {
    let Some(resources) = &mut container.resources else {
        return;
    };
    let Some(limits) = &resources.limits else {
        return;
    };
    let requests = resources.requests.get_or_insert_default();
    for (name, limit) in limits {
        requests
            .entry(name.clone())
            .or_insert_with(|| limit.clone());
    }
}

fn default_host_ports(container: &mut Container) {
    for port in items_mut(&mut container.ports) {
        if port.host_port.unwrap_or_default() == 0 {
            port.host_port = Some(port.container_port);
        }
    }
}

/// Huge pages that containers limit are limited for the pod too, where it says anything of its resources.
fn default_pod_limits(spec: &mut PodSpec) {
    let totals = container_limits(spec);
    let Some(resources) = &mut spec.resources else {
        return;
    };
    let says = |list: &Option<BTreeMap<String, Quantity>>| entries(list).next().is_some();
    if !says(&resources.limits) && !says(&resources.requests) {
        return;
    }
    for (name, total) in totals.into_iter().filter(|(name, _)| is_hugepages(name)) {
        if !entries(&resources.requests).any(|(other, _)| *other == name) {
            resources
                .limits
                .get_or_insert_default()
                .entry(name)
                .or_insert(total);
        }
    }
}

/// A pod with limits asks for what its containers ask for, and else for its limits.
fn default_pod_requests(spec: &mut PodSpec) {
    let totals = container_requests(spec);
    let Some(resources) = &mut spec.resources else {
        return;
    };
    if entries(&resources.limits).next().is_none() {
        return;
    }
    let requests = resources.requests.get_or_insert_default();
    for (name, total) in totals
        .into_iter()
        .filter(|(name, _)| is_pod_level(name) && is_overcommitable(name))
    {
        requests.entry(name).or_insert(total);
    }
    for (name, limit) in resources
        .limits
        .iter()
        .flatten()
        .filter(|(name, _)| is_pod_level(name))
    {
        requests
            .entry(name.clone())
            .or_insert_with(|| limit.clone());
    }
    if requests.is_empty() {
        resources.requests = None;
    }
}

/// `podIP` is the first of `podIPs`, and wins; container statuses always have both states.
fn default_status(pod: &mut Pod) {
    let Some(status) = &mut pod.status else {
        return;
    };
    let first = status
        .pod_ips
        .as_ref()
        .and_then(|ips| ips.first())
        .map(|ip| ip.ip.clone());
    match status.pod_ip.as_ref().filter(|ip| !ip.is_empty()) {
        Some(ip) if first.as_ref() != Some(ip) => {
            status.pod_ips = Some(vec![k8s_openapi::api::core::v1::PodIP { ip: ip.clone() }]);
        }
        Some(_) => {}
        None => status.pod_ip = first,
    }
    let lists = [
        &mut status.container_statuses,
        &mut status.init_container_statuses,
        &mut status.ephemeral_container_statuses,
    ];
    for status in lists.into_iter().flat_map(items_mut) {
        status.state.get_or_insert_default();
        status.last_state.get_or_insert_default();
    }
}
