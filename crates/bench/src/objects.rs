//! The objects that are sent.

use jiff::Timestamp;
use serde_json::{Value, json};

/// What marks everything that a run made.
pub(crate) const LABEL: &str = "bench.navarch";

/// Different from that of any other run.
pub(crate) fn run_id() -> String {
    format!("{:x}", Timestamp::now().as_millisecond())
}

pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: "run"}}})
}

/// A ConfigMap with 1 KiB of data.
pub(crate) fn config_map(name: &str, mark: usize) -> Value {
    // Padding by `format!` writes a character at a time, which took a seventh of the client's time.
    let mut data = mark.to_string();
    data.push_str(&"-".repeat(1024_usize.saturating_sub(data.len())));
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {LABEL: "run"}}, "data": {"data": data}})
}

/// A Secret with 1 KiB of data, which is base64 on the way.
pub(crate) fn secret(name: &str, mark: usize) -> Value {
    let mut object = config_map(name, mark);
    object["kind"] = json!("Secret");
    // A digit is one of base64, a dash is none.
    let data = object["data"]["data"].as_str().unwrap_or_default();
    object["data"]["data"] = json!(data.replace('-', "A"));
    object
}

/// A quota that nothing reaches.
pub(crate) fn quota(name: &str) -> Value {
    let hard = json!({"configmaps": "10M", "secrets": "10M"});
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": hard}})
}

/// What a pod is to be placed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Its requests alone.
    Fit,
    /// Spread over zones, and no two of a group of ten on one host.
    Spread,
}

/// A pod that asks for a tenth of a processor.
pub(crate) fn pod(name: &str, image: &str, index: usize, placement: Placement) -> Value {
    let group = (index / 10).to_string();
    let mut spec = pod_spec(image);
    if placement == Placement::Spread {
        let selector = json!({"matchLabels": {"group": group}});
        spec["topologySpreadConstraints"] = json!([{
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector,
        }]);
        spec["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector},
        ]}});
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {LABEL: "run", "group": group}}, "spec": spec})
}

/// A pod that is larger by so many bytes of annotations.
pub(crate) fn padded_pod(name: &str, index: usize, padding: usize) -> Value {
    let mut pod = pod(name, "none", index, Placement::Spread);
    // An annotation's name is twice in a pod: also in its managed fields.
    let frame = 2 * "padding".len() + 24;
    let text = "-".repeat(padding.saturating_sub(frame));
    pod["metadata"]["annotations"] = json!({"padding": text});
    pod
}

pub(crate) fn pod_spec(image: &str) -> Value {
    json!({
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}],
    })
}

pub(crate) fn deployment(name: &str, image: &str, replicas: usize) -> Value {
    let labels = json!({"app": name, LABEL: "run"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(image)},
        },
    })
}

/// A node that is ready.
pub(crate) fn node(name: &str, index: usize, run: &str) -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastHeartbeatTime": now, "lastTransitionTime": now, "reason": "Bench", "message": ""});
    let zone = format!("zone-{}", index % 3);
    let room = json!({"cpu": "32", "memory": "256Gi", "pods": "110", "ephemeral-storage": "100Gi"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {LABEL: run, "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}},
        "status": {
            "capacity": room, "allocatable": room,
            "conditions": [condition("Ready", "True"), condition("MemoryPressure", "False"), condition("DiskPressure", "False"), condition("PIDPressure", "False")],
            "addresses": [{"type": "Hostname", "address": name}],
        },
    })
}

/// The lease by which a node says that it is there.
pub(crate) fn lease(node: &str, run: &str) -> Value {
    let now = Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
        .to_string();
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": node, "namespace": "kube-node-lease", "labels": {LABEL: run}},
        "spec": {"holderIdentity": node, "leaseDurationSeconds": 40, "renewTime": now},
    })
}

/// What a kubelet reports of a pod that runs.
pub(crate) fn running(pod: &Value, address: &str) -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now});
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
    let container = &pod["spec"]["containers"][0];
    json!({"status": {
        "phase": "Running", "startTime": now, "podIP": address, "podIPs": [{"ip": address}], "conditions": conditions,
        "containerStatuses": [{
            "name": container["name"], "image": container["image"], "imageID": container["image"], "ready": true, "started": true,
            "restartCount": 0, "state": {"running": {"startedAt": now}},
        }],
    }})
}

/// Whether a pod's condition Ready is true.
pub(crate) fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    conditions
        .iter()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_map_has_one_kib() {
        assert_eq!(
            config_map("a", 7)["data"]["data"].as_str().unwrap().len(),
            1024
        );
        assert_ne!(config_map("a", 7), config_map("a", 8));
        assert_ne!(secret("a", 7), secret("a", 8));
        assert_eq!(secret("a", 7)["data"]["data"].as_str().unwrap().len(), 1024);
    }

    #[test]
    fn a_pod_is_ready_by_its_condition() {
        let pod = pod("a", "image", 0, Placement::Fit);
        assert!(!is_ready(&pod));
        assert!(is_ready(&running(&pod, "10.0.0.1")));
    }
}
