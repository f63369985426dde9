use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use navarch_client::Snapshot;
use serde_json::{Value as Json, json};

use super::blocks::{Block, partition};
use super::element::Elements;
use super::local::{LocalPod, PodName};
use super::plan::{Cluster, Plan, plan};
use super::ports::PortSet;
use super::verdict::{Packet, allows};
use crate::Protocol;
use crate::family::Family;

mod bounds;
mod figures;
mod kernel;
mod meaning;
mod naive;
mod random;

/// A cluster as one of its nodes sees it.
#[derive(Debug, Clone, Default)]
struct World {
    policies: Vec<NetworkPolicy>,
    namespaces: Vec<Namespace>,
    pods: Vec<Pod>,
    /// Which of them are on this node.
    local: Vec<usize>,
}

impl World {
    fn namespace(&mut self, name: &str, labels: &Json) {
        let namespace = json!({"metadata": {"name": name, "labels": labels}});
        self.namespaces
            .push(serde_json::from_value(namespace).unwrap());
    }

    /// `more`: fields of the pod beside its metadata, merged by key into its spec. Returns its index.
    fn pod(&mut self, namespace: &str, labels: &Json, ips: &[&str], more: Json) -> usize {
        let name = format!("p{}", self.pods.len());
        let ips: Vec<Json> = ips.iter().map(|ip| json!({"ip": ip})).collect();
        let mut spec = json!({"containers": []});
        let Json::Object(more) = more else { panic!() };
        let mut phase = json!("Running");
        for (key, value) in more {
            match key.as_str() {
                "phase" => phase = value,
                _ => spec[key] = value,
            }
        }
        let metadata = json!({"namespace": namespace, "name": name, "uid": name, "labels": labels});
        let status = json!({"phase": phase, "podIPs": ips});
        let pod = json!({"metadata": metadata, "spec": spec, "status": status});
        self.pods.push(serde_json::from_value(pod).unwrap());
        self.pods.len() - 1
    }

    fn local_pod(&mut self, namespace: &str, labels: &Json, ip: &str) -> usize {
        let pod = self.pod(namespace, labels, &[ip], web_ports());
        self.local.push(pod);
        pod
    }

    #[allow(clippy::needless_pass_by_value, reason = "cases read better")]
    fn policy(&mut self, namespace: &str, name: &str, spec: Json) {
        let metadata = json!({"namespace": namespace, "name": name});
        let policy = json!({"metadata": metadata, "spec": spec});
        self.policies.push(serde_json::from_value(policy).unwrap());
    }

    fn plan(&self) -> Elements {
        self.plan_for(&self.local())
    }

    fn local(&self) -> BTreeMap<String, LocalPod> {
        self.local
            .iter()
            .map(|index| {
                let metadata = &self.pods[*index].metadata;
                let pod = PodName {
                    namespace: metadata.namespace.clone().unwrap(),
                    name: metadata.name.clone().unwrap(),
                    uid: metadata.uid.clone().unwrap(),
                };
                let ips = super::pods::addresses(&self.pods[*index]);
                (format!("s{index}"), LocalPod { pod, ips })
            })
            .collect()
    }

    /// With these pods on this node, whatever the API has of them.
    fn plan_for(&self, local: &BTreeMap<String, LocalPod>) -> Elements {
        self.plan_with(local, None).elements
    }

    /// With this address of cluster DNS too.
    fn plan_with(&self, local: &BTreeMap<String, LocalPod>, dns: Option<SocketAddr>) -> Plan {
        plan(&Cluster {
            policies: &Snapshot::of(self.policies.clone(), &[]),
            namespaces: &Snapshot::of(self.namespaces.clone(), &[]),
            pods: &Snapshot::of(self.pods.clone(), &[]),
            local,
            dns,
        })
    }
}

/// What a pod calls its ports.
fn web_ports() -> Json {
    json!({"containers": [{"name": "c", "ports": [
        {"name": "http", "containerPort": 8080}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]}]})
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `FROM TO PROTOCOL PORT`.
fn packet(text: &str) -> Packet {
    let words: Vec<&str> = text.split(' ').collect();
    let protocol = match words[2] {
        "tcp" => Protocol::Tcp.number(),
        "udp" => Protocol::Udp.number(),
        "sctp" => Protocol::Sctp.number(),
        "icmp" => 1,
        other => panic!("{other}"),
    };
    Packet {
        from: ip(words[0]),
        to: ip(words[1]),
        protocol,
        port: words[3].parse().unwrap(),
    }
}
