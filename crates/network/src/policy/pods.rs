//! What policies see of a pod.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
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

/// Whether policies see a difference. Of pods elsewhere they see none before they have an address, and none when they have it no more.
pub(crate) fn differ(old: Option<&Pod>, new: Option<&Pod>, is_local: bool) -> bool {
    let seen = |pod: &&Pod| is_local || !addresses(pod).is_empty();
    let ports = |pod: &Pod| -> Vec<_> { containers(pod).map(|c| c.ports.clone()).collect() };
    match (old.filter(seen), new.filter(seen)) {
        (None, None) => false,
        (Some(old), Some(new)) => {
            old.metadata.labels != new.metadata.labels
                || old.metadata.uid != new.metadata.uid
                || addresses(old) != addresses(new)
                || ports(old) != ports(new)
        }
        _ => true,
    }
}

/// What is kept of a pod: what is asked of it here, and by which revision it is.
pub(crate) fn keep(pod: &Pod) -> Pod {
    let kept = |container: &Container| Container {
        ports: container.ports.clone(),
        restart_policy: container.restart_policy.clone(),
        ..Container::default()
    };
    let spec = pod.spec.as_ref().map(|spec| PodSpec {
        containers: spec.containers.iter().map(kept).collect(),
        init_containers: spec
            .init_containers
            .as_ref()
            .map(|containers| containers.iter().map(kept).collect()),
        host_network: spec.host_network,
        ..PodSpec::default()
    });
    let status = pod.status.as_ref().map(|status| PodStatus {
        phase: status.phase.clone(),
        pod_ips: status.pod_ips.clone(),
        ..PodStatus::default()
    });
    Pod {
        metadata: ObjectMeta {
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            labels: pod.metadata.labels.clone(),
            resource_version: pod.metadata.resource_version.clone(),
            ..ObjectMeta::default()
        },
        spec,
        status,
    }
}
