//! What plugins that say they can do it are told of a pod besides, by the conventional names.

use serde_json::{Map, Value, json};

use super::error::CniError;
use crate::{Bandwidth, HostPort, PodRequest};

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
    let limits = limits(Bandwidth::of(&pod.annotations)?);
    if !limits.is_empty() {
        all.insert("bandwidth".into(), limits.into());
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

/// In bits a second, and in bits.
fn limits(bandwidth: Bandwidth) -> Map<String, Value> {
    let ways = [
        ("ingressRate", "ingressBurst", bandwidth.ingress),
        ("egressRate", "egressBurst", bandwidth.egress),
    ];
    let mut all = Map::new();
    for (name, burst, rate) in ways {
        if let Some(rate) = rate {
            all.insert(name.into(), rate.into());
            all.insert(burst.into(), BURST.into());
        }
    }
    all
}
