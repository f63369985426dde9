//! Cluster DNS, as policies see it. Elsewhere it has pods, which rules name; here each node answers itself, and what its pods ask is judged as
//! if such a pod had the node's address.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod, PodIP, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::element::{Elements, Key, Value};
use crate::Protocol;

/// The names of its ports, as CoreDNS' deployments have them.
const PORTS: [(&str, &str); 2] = [("dns", "UDP"), ("dns-tcp", "TCP")];

/// Such a pod, with the labels by which rules name it.
pub(crate) fn pod(at: SocketAddr) -> Pod {
    let label = ("k8s-app".to_owned(), "kube-dns".to_owned());
    let port = |(name, protocol): (&str, &str)| ContainerPort {
        name: Some(name.to_owned()),
        protocol: Some(protocol.to_owned()),
        container_port: at.port().into(),
        ..ContainerPort::default()
    };
    Pod {
        metadata: ObjectMeta {
            namespace: Some("kube-system".to_owned()),
            labels: Some([label].into()),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            containers: vec![Container {
                ports: Some(PORTS.map(port).into()),
                ..Container::default()
            }],
            ..PodSpec::default()
        }),
        status: Some(PodStatus {
            pod_ips: Some(vec![PodIP {
                ip: at.ip().to_string(),
            }]),
            ..PodStatus::default()
        }),
    }
}

/// Has what is sent there be judged, of all that is sent to the node.
pub(crate) fn judge(at: SocketAddr, elements: &mut Elements) {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let key = Key::Here(at.ip(), protocol.number(), at.port());
        elements.insert(key, Value::Present);
    }
}
