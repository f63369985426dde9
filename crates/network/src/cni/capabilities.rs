//! What plugins that say they can do it are told of a pod besides, by the conventional names.

use navarch_machinery::quantity::Quantity;
use serde_json::{Map, Value, json};

use super::error::CniError;
use crate::{HostPort, PodRequest};

/// The annotations by which a pod's bandwidth is limited, in bits a second.
const BANDWIDTH: [(&str, &str, &str); 2] = [
    (
        "kubernetes.io/ingress-bandwidth",
        "ingressRate",
        "ingressBurst",
    ),
    (
        "kubernetes.io/egress-bandwidth",
        "egressRate",
        "egressBurst",
    ),
];
/// The least and the most that may be asked for, as in Kubernetes.
const RATES: std::ops::RangeInclusive<i64> = 1_000..=1_000_000_000_000_000;
/// What may come at once, in bits: as containerd has it.
const BURST: u32 = u32::MAX;

/// By the names of capabilities.
pub(super) type Capabilities = Map<String, Value>;

/// What there is to tell of a pod.
pub(super) fn of(pod: &PodRequest) -> Result<Capabilities, CniError> {
    let mut all = Map::new();
    if !pod.ports.is_empty() {
        let mappings: Vec<Value> = pod.ports.iter().map(mapping).collect();
        all.insert("portMappings".into(), mappings.into());
    }
    let bandwidth = bandwidth(pod)?;
    if !bandwidth.is_empty() {
        all.insert("bandwidth".into(), bandwidth.into());
    }
    if let Some(dns) = &pod.dns {
        let dns = json!({"servers": dns.servers, "searches": dns.searches, "options": dns.options});
        all.insert("dns".into(), dns);
    }
    if !pod.annotations.is_empty() {
        let name = "io.kubernetes.cri.pod-annotations";
        all.insert(name.into(), json!(pod.annotations));
    }
    Ok(all)
}

fn mapping(port: &HostPort) -> Value {
    let mut mapping = json!({
        "hostPort": port.host_port, "containerPort": port.container_port, "protocol": port.protocol.rule_name(),
    });
    if let Some(address) = port.address() {
        mapping["hostIP"] = address.to_string().into();
    }
    mapping
}

fn bandwidth(pod: &PodRequest) -> Result<Map<String, Value>, CniError> {
    let mut all = Map::new();
    for (annotation, rate, burst) in BANDWIDTH {
        let Some(text) = pod.annotations.get(annotation) else {
            continue;
        };
        let asked = Quantity::parse(text).ok().map(|asked| asked.value());
        let asked = asked.filter(|asked| RATES.contains(asked));
        let asked = asked.ok_or_else(|| CniError::Bandwidth {
            annotation,
            text: text.clone(),
        })?;
        all.insert(rate.into(), asked.into());
        all.insert(burst.into(), BURST.into());
    }
    Ok(all)
}
