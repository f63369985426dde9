//! A pod as an endpoint of a service.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Node, ObjectReference, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::{
    Endpoint, EndpointConditions, EndpointHints, EndpointPort, ForNode, ForZone,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_client::{ObjectKey, Snapshot};

use crate::pods;

/// The label of a node that names its zone.
const ZONE: &str = "topology.kubernetes.io/zone";

/// Whether two states of a pod make the same endpoint.
pub(super) fn looks_same(old: &Pod, new: &Pod) -> bool {
    let ports = |pod: &Pod| {
        let containers = pod.spec.as_ref().map(|spec| {
            spec.containers
                .iter()
                .map(|c| c.ports.clone())
                .collect::<Vec<_>>()
        });
        containers.unwrap_or_default()
    };
    let essence = |pod: &Pod| {
        let status = pod.status.as_ref();
        (
            status.and_then(|status| status.pod_ip.clone()),
            status.and_then(|status| status.pod_ips.clone()),
            pods::is_ready(pod),
            pods::has_ended(pod),
            pod.metadata.deletion_timestamp.is_some(),
            pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        )
    };
    old.metadata.labels == new.metadata.labels
        && essence(old) == essence(new)
        && ports(old) == ports(new)
}

/// The addresses of a pod in a family.
pub(crate) fn address(pod: &Pod, ipv6: bool) -> Option<String> {
    let status = pod.status.as_ref()?;
    let all = status
        .pod_ips
        .iter()
        .flatten()
        .map(|ip| ip.ip.clone())
        .chain(status.pod_ip.clone());
    all.into_iter()
        .find(|ip| ip.contains(':') == ipv6 && !ip.is_empty())
}

/// Whether the pod stands behind services at all: it has an address and runs. A pod being deleted does until it has ended.
pub(crate) fn counts(pod: &Pod) -> bool {
    !pods::has_ended(pod)
        && pod
            .status
            .as_ref()
            .is_some_and(|status| status.pod_ip.as_deref().is_some_and(|ip| !ip.is_empty()))
}

/// The endpoint of a pod at one address.
pub(super) fn of(
    pod: &Pod,
    address: String,
    service: &Service,
    nodes: &Snapshot<Node>,
) -> Endpoint {
    let spec = service.spec.as_ref();
    let publish = spec.and_then(|spec| spec.publish_not_ready_addresses) == Some(true);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let serving = pods::is_ready(pod);
    let pod_spec = pod.spec.as_ref();
    let node_name = pod_spec.and_then(|spec| spec.node_name.clone());
    let node = node_name
        .as_deref()
        .and_then(|name| nodes.get(&ObjectKey::new("", name)));
    let zone = node.and_then(|node| node.metadata.labels.as_ref()?.get(ZONE).cloned());
    let hostname = hostname(pod, service);
    let ready = publish || serving && !terminating;
    let distribution = spec.and_then(|spec| spec.traffic_distribution.as_deref());
    let hints = distribution.filter(|_| ready);
    let hints = hints.and_then(|wish| hints_of(wish, zone.as_deref(), node_name.as_deref()));
    Endpoint {
        addresses: vec![address],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hints,
        hostname,
        node_name,
        zone,
        target_ref: Some(ObjectReference {
            kind: Some("Pod".into()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// For whom an endpoint is, where a service's traffic is to stay near: those in its zone, and on its node where that is wished for.
fn hints_of(wish: &str, zone: Option<&str>, node: Option<&str>) -> Option<EndpointHints> {
    let node = match wish {
        "PreferClose" | "PreferSameZone" => None,
        "PreferSameNode" => node,
        _ => return None,
    };
    let for_zones = zone.map(|zone| vec![ForZone { name: zone.into() }]);
    let for_nodes = node.map(|node| vec![ForNode { name: node.into() }]);
    let any = for_zones.is_some() || for_nodes.is_some();
    any.then_some(EndpointHints {
        for_nodes,
        for_zones,
    })
}

/// The name under which DNS knows the pod within the service: its hostname, if it asked for this service's domain.
pub(crate) fn hostname(pod: &Pod, service: &Service) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let within = spec.subdomain.is_some()
        && spec.subdomain == service.metadata.name
        && service.metadata.namespace == pod.metadata.namespace;
    spec.hostname
        .clone()
        .filter(|name| within && !name.is_empty())
}

/// The ports of a service on a pod: named target ports may differ from pod to pod. Those that the pod does not have are left out.
pub(crate) fn ports(pod: &Pod, service: &Service) -> Vec<EndpointPort> {
    let all = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default();
    let found = all.iter().filter_map(|port| {
        Some(EndpointPort {
            name: Some(port.name.clone().unwrap_or_default()),
            port: Some(target(pod, port)?),
            protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".into())),
            app_protocol: port.app_protocol.clone(),
        })
    });
    let mut by_name: BTreeMap<String, EndpointPort> = BTreeMap::new();
    for port in found {
        by_name.insert(port.name.clone().unwrap_or_default(), port);
    }
    by_name.into_values().collect()
}

fn target(pod: &Pod, port: &ServicePort) -> Option<i32> {
    match &port.target_port {
        None => Some(port.port),
        Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) => {
            named(pod, name, port.protocol.as_deref().unwrap_or("TCP"))
        }
    }
}

fn named(pod: &Pod, name: &str, protocol: &str) -> Option<i32> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let containers: Vec<&Container> = spec.containers.iter().chain(sidecars).collect();
    let mut all = containers
        .iter()
        .flat_map(|container| container.ports.iter().flatten());
    let matches = all.find(|p| {
        p.name.as_deref() == Some(name) && p.protocol.as_deref().unwrap_or("TCP") == protocol
    })?;
    Some(matches.container_port)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn traffic_that_is_to_stay_near_has_hints() {
        let node =
            json!({"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z"}}});
        let nodes = Snapshot::of(vec![serde_json::from_value(node).unwrap()], &[]);
        let hints = |wish: Value, on: &str, ready: &str| {
            let conditions = json!([{"type": "Ready", "status": ready}]);
            let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": on, "containers": []}, "status": {"conditions": conditions}});
            let service = json!({"metadata": {"name": "s"}, "spec": {"trafficDistribution": wish}});
            let (pod, service) = (
                serde_json::from_value(pod).unwrap(),
                serde_json::from_value(service).unwrap(),
            );
            let hints = of(&pod, "10.0.0.1".into(), &service, &nodes).hints;
            hints.map(|hints| serde_json::to_value(hints).unwrap())
        };
        let zone = json!({"forZones": [{"name": "z"}]});
        assert_eq!(hints("PreferClose".into(), "n", "True"), Some(zone.clone()));
        assert_eq!(hints("PreferSameZone".into(), "n", "True"), Some(zone));
        assert_eq!(
            hints("PreferSameNode".into(), "n", "True"),
            Some(json!({"forNodes": [{"name": "n"}], "forZones": [{"name": "z"}]}))
        );
        assert_eq!(
            hints("PreferSameNode".into(), "elsewhere", "True"),
            Some(json!({"forNodes": [{"name": "elsewhere"}]}))
        );
        for (wish, on, ready) in [
            (Value::Null, "n", "True"),
            ("PreferSameZone".into(), "elsewhere", "True"),
            ("PreferSameZone".into(), "n", "False"),
        ] {
            assert_eq!(hints(wish, on, ready), None);
        }
    }
}
