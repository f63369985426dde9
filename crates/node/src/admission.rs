//! Whether a pod that was bound to this node can run on it: the kubelet's own look, after the scheduler's.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::lifecycle::Refusal;
use crate::quantity::{ResourceList, milli_of, units_of};
use crate::{resources, spec};

/// Why the pod is refused, if it is. `others`: the pods that run here.
pub(crate) fn admit(
    pod: &Pod,
    others: &[&Arc<Pod>],
    allocatable: &ResourceList,
    labels: &BTreeMap<String, String>,
) -> Option<Refusal> {
    if let Some(refusal) = forbidden_sysctl(pod) {
        return Some(refusal);
    }
    let system = spec::spec(pod).os.as_ref().map(|os| os.name.as_str());
    if system.is_some_and(|name| name != "linux") {
        return Some(Refusal {
            reason: "PodOSNotSupported".into(),
            message: "Pod was rejected: Failed to admit pod as the OS field doesn't match node OS"
                .into(),
            evicted: false,
        });
    }
    if let Some(short) = lacks(pod, others, allocatable) {
        return Some(Refusal {
            reason: format!("OutOf{}", short.resource),
            message: format!("Pod was rejected: {short}"),
            evicted: false,
        });
    }
    if !is_selected(pod, labels) {
        return Some(Refusal {
            reason: "NodeAffinity".into(),
            message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector".into(),
            evicted: false,
        });
    }
    None
}

/// Whether the pod is for nodes with these labels.
pub(crate) fn is_selected(pod: &Pod, labels: &BTreeMap<String, String>) -> bool {
    let mut selector = spec::spec(pod).node_selector.iter().flatten();
    selector.all(|(key, value)| labels.get(key) == Some(value))
}

/// What the node has too little of for a pod.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
)]
pub(crate) struct Shortage {
    resource: &'static str,
    requested: i64,
    used: i64,
    capacity: i64,
}

/// What the node has too little of for the pod beside the others; `None`: there is room.
pub(crate) fn lacks(
    pod: &Pod,
    others: &[&Arc<Pod>],
    allocatable: &ResourceList,
) -> Option<Shortage> {
    let running = || others.iter().filter(|p| !spec::is_terminal(p));
    let pods = units_of(Some(allocatable), "pods");
    let count = i64::try_from(running().count()).unwrap_or(i64::MAX);
    if count.saturating_add(1) > pods {
        return Some(Shortage {
            resource: "pods",
            requested: 1,
            used: count,
            capacity: pods,
        });
    }
    for resource in ["cpu", "memory"] {
        let requested = resources::pod_request(pod, resource);
        let used = running().fold(0i64, |sum, p| {
            sum.saturating_add(resources::pod_request(p, resource))
        });
        let capacity = milli_of(Some(allocatable), resource);
        if requested > 0 && requested.saturating_add(used) > capacity {
            // CPU is told in thousandths, memory in bytes.
            let unit = if resource == "cpu" { 1 } else { 1000 };
            return Some(Shortage {
                resource,
                requested: requested / unit,
                used: used / unit,
                capacity: capacity / unit,
            });
        }
    }
    None
}

/// Parameters of the kernel that a pod may set: each has a namespace of its own for them, and they touch no other pod. The kubelet's
/// list. All others are the host's, or could harm it (`kernel.core_pattern` names a program that runs outside of every container).
const SAFE_SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

fn forbidden_sysctl(pod: &Pod) -> Option<Refusal> {
    let spec = spec::spec(pod);
    let context = spec.security_context.as_ref()?;
    let why = context.sysctls.iter().flatten().find_map(|sysctl| {
        let name = normal_sysctl(&sysctl.name);
        if !SAFE_SYSCTLS.contains(&name.as_str()) {
            return Some(format!("{name:?} not allowlisted"));
        }
        let shared = if name.starts_with("net.") {
            (spec.host_network == Some(true)).then_some("network")
        } else {
            (spec.host_ipc == Some(true)).then_some("IPC")
        };
        shared.map(|namespace| format!("{name:?} not allowed with host {namespace} enabled"))
    })?;
    Some(Refusal {
        reason: "SysctlForbidden".into(),
        message: format!("Pod was rejected: forbidden sysctl: {why}"),
        evicted: false,
    })
}

/// With dots between its parts: where a slash comes first, dots and slashes change places, as sysctl(8) has it.
fn normal_sysctl(name: &str) -> String {
    match name.find(['.', '/']).map(|at| name.as_bytes()[at]) {
        Some(b'/') => name
            .chars()
            .map(|c| match c {
                '/' => '.',
                '.' => '/',
                c => c,
            })
            .collect(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sysctl(name: &str, spec: &serde_json::Value) -> Option<String> {
        let mut pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "default", "uid": "u"},
            "spec": spec,
        }))
        .unwrap();
        let spec = pod.spec.get_or_insert_default();
        spec.security_context.get_or_insert_default().sysctls =
            Some(vec![k8s_openapi::api::core::v1::Sysctl {
                name: name.to_owned(),
                value: "1".to_owned(),
            }]);
        let room = serde_json::from_value(json!({"pods": "10"})).unwrap();
        admit(&pod, &[], &room, &BTreeMap::new()).map(|refusal| refusal.message)
    }

    #[test]
    fn a_pod_for_another_system_is_refused() {
        let refused = |os: &str| {
            let spec = json!({"containers": [], "os": {"name": os}});
            let pod = serde_json::from_value(json!({"spec": spec})).unwrap();
            let room = serde_json::from_value(json!({"pods": "10"})).unwrap();
            admit(&pod, &[], &room, &BTreeMap::new()).map(|refusal| refusal.reason)
        };
        assert_eq!(refused("linux"), None);
        assert_eq!(refused("windows").as_deref(), Some("PodOSNotSupported"));
    }

    #[test]
    fn what_the_pod_has_of_its_own_may_be_set() {
        let spec = json!({"containers": []});
        for name in [
            "net.ipv4.tcp_syncookies",
            "net/ipv4/tcp_rmem",
            "kernel.shm_rmid_forced",
        ] {
            assert_eq!(sysctl(name, &spec), None, "{name}");
        }
    }

    #[test]
    fn what_is_the_hosts_may_not() {
        let spec = json!({"containers": []});
        for name in [
            "kernel.core_pattern",
            "kernel/core_pattern",
            "vm.overcommit_memory",
            "net.core.somaxconn",
            "kernel.shmmax",
        ] {
            let name_told = name.replace('/', ".");
            assert_eq!(
                sysctl(name, &spec),
                Some(format!(
                    "Pod was rejected: forbidden sysctl: {name_told:?} not allowlisted"
                )),
            );
        }
        assert_eq!(
            sysctl("net.ipv4.tcp_syncookies", &json!({"containers": [], "hostNetwork": true})),
            Some("Pod was rejected: forbidden sysctl: \"net.ipv4.tcp_syncookies\" not allowed with host network enabled".into()),
        );
        assert_eq!(
            sysctl("kernel.shm_rmid_forced", &json!({"containers": [], "hostIPC": true})),
            Some("Pod was rejected: forbidden sysctl: \"kernel.shm_rmid_forced\" not allowed with host IPC enabled".into()),
        );
    }
}
