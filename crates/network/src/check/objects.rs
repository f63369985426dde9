//! What is made for a check, all in a namespace of its own. Pure.

use k8s_openapi::api::core::v1::{Namespace, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::task::{Place, Task};
use super::{CLOSED, OPEN, SERVICE};

/// Whose the namespaces are that have it.
pub(crate) const LABEL: &str = "navarch.dev/net-check";
/// The service that leads to all answerers, and the account of all pods.
pub(crate) const NAME: &str = "net-check";
/// Pods that nobody has ended are ended after so many seconds.
const DEADLINE_SECONDS: u64 = 600;
/// Where an asker leaves what it has found.
pub(crate) const MESSAGE: &str = "/dev/termination-log";

fn object<T: DeserializeOwned>(value: Value) -> serde_json::Result<T> {
    serde_json::from_value(value)
}

/// Askers on nodes are in the nodes' network, which no stricter standard lets them be.
pub(crate) fn namespace() -> serde_json::Result<Namespace> {
    object(json!({"metadata": {
        "generateName": "navarch-net-check-",
        "labels": {LABEL: "", "pod-security.kubernetes.io/enforce": "privileged"},
    }}))
}

pub(crate) fn account(namespace: &str) -> serde_json::Result<ServiceAccount> {
    object(json!({"metadata": {"name": NAME, "namespace": namespace}}))
}

pub(crate) fn service(namespace: &str) -> serde_json::Result<Service> {
    object(json!({
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "ipFamilyPolicy": "PreferDualStack",
            "selector": {LABEL: "answerer"},
            "ports": [{"port": SERVICE, "targetPort": OPEN}],
        },
    }))
}

/// Lets everybody in at the one port, and nobody at the other.
pub(crate) fn policy(namespace: &str) -> serde_json::Result<NetworkPolicy> {
    let open = ["TCP", "UDP"].map(|protocol| json!({"protocol": protocol, "port": OPEN}));
    object(json!({
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": {LABEL: "answerer"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": open}],
        },
    }))
}

/// The pod that answers on a node.
pub(crate) fn answerer(namespace: &str, node: &str, image: &str) -> serde_json::Result<Pod> {
    let ports = [OPEN, CLOSED].map(|port| json!({"containerPort": port}));
    let container = json!({
        "args": ["net", "answer", "--as", node],
        "ports": ports,
        "readinessProbe": {"tcpSocket": {"port": OPEN}, "periodSeconds": 1},
    });
    pod(namespace, ("answerer", node), image, container, Place::Pod)
}

/// The pod that asks from a node.
pub(crate) fn asker(namespace: &str, task: &Task, image: &str) -> serde_json::Result<Pod> {
    let role = match task.place {
        Place::Node => "asker-on-node",
        Place::Pod => "asker-in-pod",
    };
    let container = json!({
        "args": ["net", "ask", "--task", serde_json::to_string(task)?, "--to", MESSAGE],
        "terminationMessagePath": MESSAGE,
    });
    pod(namespace, (role, &task.node), image, container, task.place)
}

fn pod(
    namespace: &str,
    (role, node): (&str, &str),
    image: &str,
    container: Value,
    place: Place,
) -> serde_json::Result<Pod> {
    let mut whole = json!({
        "name": "net-check",
        "image": image,
        // Another version of the program may be known by the name.
        "imagePullPolicy": "Always",
        "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true,
        },
    });
    if let (Value::Object(whole), Value::Object(container)) = (&mut whole, container) {
        whole.extend(container);
    }
    object(json!({
        "metadata": {"generateName": format!("{role}-"), "namespace": namespace, "labels": {LABEL: role}},
        "spec": {
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "hostNetwork": place == Place::Node,
            // On the node as in pods: the cluster's names are what is looked at.
            "dnsPolicy": "ClusterFirstWithHostNet",
            "serviceAccountName": NAME,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [whole],
        },
    }))
}
