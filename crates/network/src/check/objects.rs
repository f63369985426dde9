//! What is made for a check, all in a namespace of its own. Pure.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::task::{Place, Task};
use super::{CLOSED, OPEN, SERVICE};

/// Whose the namespaces are that have it.
pub(crate) const LABEL: &str = "navarch.dev/net-check";
/// The service that leads to all answerers, and the account of all pods.
pub(crate) const NAME: &str = "net-check";
/// What the names of the namespaces begin with.
const PREFIX: &str = "navarch-net-check-";
/// The longest that pods may be given to start, or to ask.
pub const LONGEST: Duration = Duration::from_secs(20 * 60);
/// Namespaces that are so old are nobody's any more: a check takes no more than three times the longest that its pods may take for something.
const FORGOTTEN: Duration = Duration::from_secs(2 * 3600);
/// Where an asker leaves what it has found.
pub(crate) const MESSAGE: &str = "/dev/termination-log";

fn object<T: DeserializeOwned>(value: Value) -> serde_json::Result<T> {
    serde_json::from_value(value)
}

/// Askers on nodes are in the nodes' network, which no stricter standard lets them be.
/// It has its name before it is made, so that it can be deleted when nobody has waited for the answer. `now` tells one check from another.
pub(crate) fn namespace(now: Timestamp) -> serde_json::Result<Namespace> {
    object(json!({"metadata": {
        "name": format!("{PREFIX}{}", now.as_millisecond()),
        "labels": {LABEL: "", "pod-security.kubernetes.io/enforce": "privileged"},
    }}))
}

/// Whether a check that was killed has left it. Others may put the label on theirs.
pub(crate) fn is_forgotten(namespace: &Namespace, now: Timestamp) -> bool {
    let metadata = &namespace.metadata;
    let is_ours = metadata
        .name
        .as_deref()
        .is_some_and(|name| name.starts_with(PREFIX))
        && metadata
            .labels
            .as_ref()
            .is_some_and(|labels| labels.contains_key(LABEL))
        && metadata.deletion_timestamp.is_none();
    let made = metadata.creation_timestamp.as_ref();
    let age = made.and_then(|made| Duration::try_from(now.duration_since(made.0)).ok());
    is_ours && age.is_some_and(|age| age > FORGOTTEN)
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
pub(crate) fn answerer(
    place: (&str, Duration),
    node: &str,
    image: &str,
) -> serde_json::Result<Pod> {
    let ports = [OPEN, CLOSED].map(|port| json!({"containerPort": port}));
    let container = json!({
        "args": ["net", "answer", "--as", node],
        "ports": ports,
        "readinessProbe": {"tcpSocket": {"port": OPEN}, "periodSeconds": 1},
    });
    pod(place, ("answerer", node), image, container, Place::Pod)
}

/// The pod that asks from a node.
pub(crate) fn asker(place: (&str, Duration), task: &Task, image: &str) -> serde_json::Result<Pod> {
    let role = match task.place {
        Place::Node => "asker-on-node",
        Place::Pod => "asker-in-pod",
    };
    let container = json!({
        "args": ["net", "ask", "--task", serde_json::to_string(task)?, "--to", MESSAGE],
        "terminationMessagePath": MESSAGE,
    });
    pod(place, (role, &task.node), image, container, task.place)
}

/// One that nobody has ended ends when the check must have ended too. `patience`: what its pods have to start, and to ask.
fn pod(
    (namespace, patience): (&str, Duration),
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
            "activeDeadlineSeconds": patience.as_secs() * 4 + 60,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [whole],
        },
    }))
}
