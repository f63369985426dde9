//! What the documentation says of policies, looked up anew for every packet.

use k8s_openapi::api::networking::v1::{NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::labels::Selector;

use super::*;

type Rule = (Vec<NetworkPolicyPeer>, Vec<NetworkPolicyPort>);

impl World {
    pub(super) fn lets_through(&self, packet: &Packet) -> bool {
        let at_home = |ip| {
            self.local
                .iter()
                .map(|i| &self.pods[*i])
                .find(|p| has(p, ip))
        };
        if packet.from == packet.to {
            return true;
        }
        let sender = at_home(packet.from);
        let receiver = at_home(packet.to);
        sender.is_none_or(|pod| self.allowed(pod, "Egress", packet))
            && receiver.is_none_or(|pod| self.allowed(pod, "Ingress", packet))
    }

    fn allowed(&self, pod: &Pod, direction: &str, packet: &Packet) -> bool {
        let mut is_isolated = false;
        for policy in &self.policies {
            let spec = policy.spec.clone().unwrap();
            let is_there = policy.metadata.namespace == pod.metadata.namespace;
            let subject = spec.pod_selector.clone().unwrap_or_default();
            let mut types = spec.policy_types.clone().unwrap_or_default();
            if types.is_empty() {
                types.push("Ingress".into());
                if !spec.egress.clone().unwrap_or_default().is_empty() {
                    types.push("Egress".into());
                }
            }
            if !is_there || !selects(&subject, pod) || !types.iter().any(|t| t == direction) {
                continue;
            }
            is_isolated = true;
            let rules: Vec<Rule> = match direction {
                "Ingress" => {
                    let rules = spec.ingress.unwrap_or_default().into_iter();
                    rules
                        .map(|r| (r.from.unwrap_or_default(), r.ports.unwrap_or_default()))
                        .collect()
                }
                _ => {
                    let rules = spec.egress.unwrap_or_default().into_iter();
                    rules
                        .map(|r| (r.to.unwrap_or_default(), r.ports.unwrap_or_default()))
                        .collect()
                }
            };
            let namespace = policy.metadata.namespace.as_deref().unwrap();
            let peer = if direction == "Ingress" {
                packet.from
            } else {
                packet.to
            };
            for (peers, ports) in rules {
                let by_peer = peers.is_empty() || peers.iter().any(|p| self.is(p, namespace, peer));
                let by_port = ports.is_empty() || ports.iter().any(|p| self.port(p, packet));
                if by_peer && by_port {
                    return true;
                }
            }
        }
        !is_isolated
    }

    fn is(&self, peer: &NetworkPolicyPeer, namespace: &str, address: IpAddr) -> bool {
        if let Some(block) = &peer.ip_block {
            let within = |range: &String| range.parse::<ipnet::IpNet>().unwrap().contains(&address);
            return within(&block.cidr) && !block.except.iter().flatten().any(within);
        }
        let mut pods = self.pods.iter().filter(|pod| has(pod, address));
        pods.any(|pod| {
            let of_pod = pod.metadata.namespace.as_deref().unwrap();
            let is_there = match &peer.namespace_selector {
                None => of_pod == namespace,
                Some(selector) => {
                    let mut known = self.namespaces.iter();
                    let found = known.find(|n| n.metadata.name.as_deref() == Some(of_pod));
                    let selector = Selector::from_label_selector(Some(selector)).unwrap();
                    let labels = found.map(|n| n.metadata.labels.clone().unwrap_or_default());
                    labels.is_some_and(|labels| selector.matches(&labels))
                }
            };
            is_there && peer.pod_selector.as_ref().is_none_or(|s| selects(s, pod))
        })
    }

    /// A port's name is the one that the pod that is asked has for it.
    fn port(&self, port: &NetworkPolicyPort, packet: &Packet) -> bool {
        let protocol = Protocol::parse(port.protocol.as_deref()).unwrap();
        if protocol.number() != packet.protocol {
            return false;
        }
        match &port.port {
            None => true,
            Some(IntOrString::Int(first)) => {
                let last = port.end_port.unwrap_or(*first);
                (*first..=last).contains(&i32::from(packet.port))
            }
            Some(IntOrString::String(name)) => {
                let mut asked = self.pods.iter().filter(|pod| has(pod, packet.to));
                asked.any(|pod| {
                    let containers = pod.spec.as_ref().unwrap().containers.iter();
                    let mut ports = containers.flat_map(|c| c.ports.clone().unwrap_or_default());
                    ports.any(|known| {
                        known.name.as_ref() == Some(name)
                            && known.container_port == i32::from(packet.port)
                            && Protocol::parse(known.protocol.as_deref()) == Some(protocol)
                    })
                })
            }
        }
    }
}

fn selects(selector: &LabelSelector, pod: &Pod) -> bool {
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    let selector = Selector::from_label_selector(Some(selector)).unwrap();
    selector.matches(&labels)
}

/// Whether an address is a pod's own, and the pod is not over.
fn has(pod: &Pod, address: IpAddr) -> bool {
    let status = pod.status.as_ref().unwrap();
    let is_over = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let of_host = pod.spec.as_ref().unwrap().host_network == Some(true);
    let ips = status.pod_ips.iter().flatten();
    !is_over && !of_host && ips.into_iter().any(|known| ip(&known.ip) == address)
}
