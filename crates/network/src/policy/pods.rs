//! What policies see of a pod.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, Pod};
use navarch_machinery::labels::Labels;

use crate::Protocol;

/// A port that a pod has a name for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NamedPort {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
}

pub(crate) fn labels(labels: Option<&Labels>) -> &Labels {
    static NONE: Labels = Labels::new();
    labels.unwrap_or(&NONE)
}

/// The addresses by which others know a pod. None of one that is over, for they are another's soon, and none of one that has its node's.
pub(crate) fn addresses(pod: &Pod) -> Vec<IpAddr> {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    if is_of_host(pod) || matches!(phase, Some("Succeeded" | "Failed")) {
        return Vec::new();
    }
    let ips = status.and_then(|status| status.pod_ips.as_deref());
    let ips = ips.unwrap_or_default().iter();
    ips.filter_map(|ip| ip.ip.parse().ok()).collect()
}

pub(crate) fn is_of_host(pod: &Pod) -> bool {
    let spec = pod.spec.as_ref();
    spec.is_some_and(|spec| spec.host_network == Some(true))
}

/// The number of a named port; of several containers with that name, the first one's.
pub(crate) fn port(pod: &Pod, wanted: &NamedPort) -> Option<u16> {
    let ports = containers(pod).flat_map(|container| container.ports.iter().flatten());
    let mut found = ports.filter(|port| {
        port.name.as_ref() == Some(&wanted.name)
            && Protocol::parse(port.protocol.as_deref()) == Some(wanted.protocol)
    });
    found.find_map(|port| u16::try_from(port.container_port).ok())
}

/// Those that run for as long as the pod does.
fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    let spec = pod.spec.as_ref();
    let sidecars = spec.and_then(|spec| spec.init_containers.as_ref());
    let sidecars = sidecars
        .into_iter()
        .flatten()
        .filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let containers = spec.into_iter().flat_map(|spec| &spec.containers);
    containers.chain(sidecars)
}

/// Whether policies see a difference.
pub(crate) fn differ(old: &Pod, new: &Pod) -> bool {
    let ports = |pod: &Pod| -> Vec<_> { containers(pod).map(|c| c.ports.clone()).collect() };
    old.metadata.labels != new.metadata.labels
        || old.metadata.uid != new.metadata.uid
        || addresses(old) != addresses(new)
        || ports(old) != ports(new)
}
