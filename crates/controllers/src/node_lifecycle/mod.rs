//! Nodes that fall silent: their conditions become unknown, their taints follow their conditions, and the pods on them are told to be unready.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Pod, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::call::PatchKind;
use navarch_client::{EventType, Index, Informer, ObjectKey, Queue, Snapshot};
use parking_lot::Mutex;
use serde_json::json;

use crate::{Action, Controller, Note, Plan, Watched, pods};

/// A node that has not renewed its lease for so long is taken for dead. Kubernetes' `node-monitor-grace-period`.
pub const GRACE: SignedDuration = SignedDuration::from_secs(50);
/// Where nodes keep their leases.
pub const LEASES: &str = "kube-node-lease";

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// Conditions that are taints of their own while they hold.
const PRESSURES: &[(&str, &str)] = &[
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    (
        "NetworkUnavailable",
        "node.kubernetes.io/network-unavailable",
    ),
];

/// Pods by the node they are on.
pub fn pods_by_node() -> Index<Pod> {
    Index {
        name: "node",
        values: |pod| {
            pod.spec
                .as_ref()
                .and_then(|spec| spec.node_name.clone())
                .into_iter()
                .collect()
        },
    }
}

/// How long a node whose pods may not be evicted yet waits to be looked at again. Kubernetes' `node-monitor-period`.
const MONITOR: SignedDuration = SignedDuration::from_secs(5);

/// When each node was last heard of, by this process' clock: the nodes' clocks are not trusted.
type Heard = imbl::OrdMap<Arc<str>, Timestamp>;

/// The controller. Pods need the index [`pods_by_node`].
pub struct NodeLifecycle {
    /// Nodes.
    pub nodes: Informer<Node>,
    /// Leases in [`LEASES`].
    pub leases: Informer<Lease>,
    /// Pods.
    pub pods: Informer<Pod>,
    /// Tells when a lease was seen to change.
    pub clock: Arc<dyn navarch_client::Clock>,
    heard: Arc<Mutex<Heard>>,
}

/// What a plan looks at.
pub struct View {
    /// Nodes.
    pub nodes: Snapshot<Node>,
    /// Pods.
    pub pods: Snapshot<Pod>,
    /// When each node was last heard of.
    pub heard: imbl::OrdMap<Arc<str>, Timestamp>,
}

impl NodeLifecycle {
    /// The controller.
    pub fn new(
        nodes: Informer<Node>,
        leases: Informer<Lease>,
        pods: Informer<Pod>,
        clock: Arc<dyn navarch_client::Clock>,
    ) -> Self {
        Self {
            nodes,
            leases,
            pods,
            clock,
            heard: Arc::default(),
        }
    }
}

impl Controller for NodeLifecycle {
    const NAME: &'static str = "node-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let (q, heard, clock) = (queue.clone(), self.heard.clone(), self.clock.clone());
        self.nodes.on_change(move |old, new| {
            let Some(node) = new.or(old) else { return };
            let key = ObjectKey::of(&node.metadata);
            let mut heard = heard.lock();
            match (old, new) {
                // A node that comes back has time to renew its lease, whatever the last one said.
                (None, Some(_)) => {
                    heard.insert(key.name.clone(), clock.now());
                }
                (Some(old), Some(new)) if heartbeat(old) != heartbeat(new) => {
                    heard.insert(key.name.clone(), clock.now());
                }
                (_, None) => {
                    heard.remove(&key.name);
                }
                _ => {}
            }
            q.add(key);
        });
        let (q, heard, clock) = (queue.clone(), self.heard.clone(), self.clock.clone());
        self.leases.on_change(move |_, new| {
            let Some(lease) = new else { return };
            let key = ObjectKey::new("", lease.metadata.name.as_deref().unwrap_or(""));
            // The lease of a node that is gone says nothing.
            if let Some(at) = heard.lock().get_mut(&key.name) {
                *at = clock.now();
                q.add(key);
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.nodes, &self.leases, &self.pods]
    }

    fn view(&self) -> View {
        View {
            nodes: self.nodes.snapshot(),
            pods: self.pods.snapshot(),
            heard: self.heard.lock().clone(),
        }
    }

    fn plan(&self, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(now, view, key)
    }
}

/// What follows from what is known of a node, and when to look again.
pub fn plan(now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let Some(node) = view.nodes.get(key) else {
        return plan;
    };
    let heard = view.heard.get(&key.name).copied().unwrap_or(now);
    let dead_at = heard.saturating_add(GRACE).unwrap_or(now);
    if dead_at > now {
        plan.wake_at(dead_at);
    } else if ready(node) != Some("Unknown") {
        give_up(now, node, &mut plan);
        return plan;
    }
    let evicts =
        ready(node) == Some("True") || view.nodes.iter().any(|other| ready(other) == Some("True"));
    if !evicts {
        plan.wake_at(now.saturating_add(MONITOR).unwrap_or(now));
    }
    let wanted = wanted_taints(node, now, evicts);
    let others = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
        .filter(|taint| !is_ours(taint))
        .cloned();
    let taints: Vec<Taint> = others.chain(wanted).collect();
    let before = node
        .spec
        .as_ref()
        .and_then(|spec| spec.taints.clone())
        .unwrap_or_default();
    if !same(&before, &taints) {
        let patch = json!({
            "metadata": {"uid": node.metadata.uid, "resourceVersion": node.metadata.resource_version},
            "spec": {"taints": (!taints.is_empty()).then_some(taints)},
        });
        plan.then(Action::patch(node.as_ref(), PatchKind::Merge, patch));
    }
    if ready(node).is_some_and(|ready| ready != "True") {
        plan.then_all(mark_pods(now, view, &key.name));
    }
    plan
}

/// When the node's agent last wrote its status.
fn heartbeat(node: &Node) -> Option<&Time> {
    condition(node, "Ready")?.last_heartbeat_time.as_ref()
}

/// What the node says of itself, or was said of it when it fell silent. `None`: it has not said anything yet.
pub(crate) fn ready(node: &Node) -> Option<&str> {
    condition(node, "Ready").map(|condition| condition.status.as_str())
}

fn condition<'a>(node: &'a Node, kind: &str) -> Option<&'a NodeCondition> {
    node.status
        .as_ref()?
        .conditions
        .as_deref()?
        .iter()
        .find(|condition| condition.type_ == kind)
}

/// The node has been silent for too long: nothing it last said is known to hold.
fn give_up(now: Timestamp, node: &Arc<Node>, plan: &mut Plan) {
    let mut changed = (**node).clone();
    let conditions = changed
        .status
        .get_or_insert_default()
        .conditions
        .get_or_insert_default();
    for kind in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] {
        let known = conditions
            .iter()
            .position(|condition| condition.type_ == kind);
        let (reason, message) = match known {
            Some(_) => ("NodeStatusUnknown", "Kubelet stopped posting node status."),
            None => (
                "NodeStatusNeverUpdated",
                "Kubelet never posted node status.",
            ),
        };
        let said = known.map(|at| conditions[at].clone()).unwrap_or_default();
        let unknown = NodeCondition {
            type_: kind.to_owned(),
            status: "Unknown".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_transition_time: if said.status == "Unknown" {
                said.last_transition_time
            } else {
                Some(Time(now))
            },
            last_heartbeat_time: said.last_heartbeat_time,
        };
        match known {
            Some(at) => conditions[at] = unknown,
            None => conditions.push(unknown),
        }
    }
    let message = format!(
        "Node {} status is now: NodeNotReady",
        node.metadata.name.as_deref().unwrap_or("")
    );
    let note = Note {
        about: node.clone(),
        kind: EventType::Normal,
        reason: "NodeNotReady",
        message,
    };
    plan.then(Action::update_status(changed).telling(note));
}

fn is_ours(taint: &Taint) -> bool {
    [NOT_READY, UNREACHABLE, UNSCHEDULABLE].contains(&taint.key.as_str())
        || PRESSURES.iter().any(|(_, key)| *key == taint.key)
}

/// The taints that follow from the node's conditions. One that is there already keeps its time. When no node at all is ready it is
/// rather this part of the cluster that is cut off: then, as in Kubernetes, nothing is evicted.
fn wanted_taints(node: &Node, now: Timestamp, evicts: bool) -> Vec<Taint> {
    let mut taints = Vec::new();
    let before: Vec<&Taint> = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
        .collect();
    let mut add = |key: &str, effect: &str| {
        let known = before
            .iter()
            .find(|taint| taint.key == key && taint.effect == effect);
        let time_added = known.map_or(Some(Time(now)), |taint| taint.time_added.clone());
        taints.push(Taint {
            key: key.to_owned(),
            effect: effect.to_owned(),
            value: None,
            time_added,
        });
    };
    let silent = match ready(node) {
        Some("True") => None,
        Some("False") => Some(NOT_READY),
        Some(_) => Some(UNREACHABLE),
        None => {
            // It keeps the taints that it was born with.
            let own = before.iter().filter(|taint| is_ours(taint));
            return own.map(|taint| (*taint).clone()).collect();
        }
    };
    if let Some(key) = silent {
        add(key, "NoSchedule");
        if evicts {
            add(key, "NoExecute");
        }
    }
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        add(UNSCHEDULABLE, "NoSchedule");
    }
    for (kind, key) in PRESSURES {
        if condition(node, kind).is_some_and(|condition| condition.status == "True") {
            add(key, "NoSchedule");
        }
    }
    taints
}

fn same(a: &[Taint], b: &[Taint]) -> bool {
    let plain = |taints: &[Taint]| {
        let mut plain: Vec<_> = taints
            .iter()
            .map(|t| (t.key.clone(), t.effect.clone(), t.value.clone()))
            .collect();
        plain.sort();
        plain
    };
    plain(a) == plain(b)
}

/// The pods of a node that is not ready are not ready either: nothing should send them traffic.
fn mark_pods(now: Timestamp, view: &View, node: &str) -> Vec<Action> {
    let on_node = view.pods.by_index(pods_by_node(), node);
    let marked = on_node.filter(|pod| pods::is_ready(pod) && !pods::has_ended(pod)).map(|pod| {
        let condition = json!({
            "type": "Ready", "status": "False", "lastTransitionTime": Time(now), "observedGeneration": pod.metadata.generation,
        });
        let patch = json!({"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}});
        let note = Note {
            about: pod.clone(),
            kind: EventType::Warning,
            reason: "NodeNotReady",
            message: "Node is not ready".to_owned(),
        };
        Action::patch_status(pod.as_ref(), PatchKind::Strategic, patch).idempotent().telling(note)
    });
    marked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(ready: &str, taints: serde_json::Value) -> Node {
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "uid": "u"}, "spec": {"taints": taints},
            "status": {"conditions": [{"type": "Ready", "status": ready}, {"type": "DiskPressure", "status": "False"}]},
        });
        serde_json::from_value(node).unwrap()
    }

    fn planned(node: Node, silent: i64) -> (Vec<String>, Option<Timestamp>) {
        planned_among(node, silent, "True")
    }

    fn planned_among(node: Node, silent: i64, others: &str) -> (Vec<String>, Option<Timestamp>) {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1000);
        let heard = Heard::unit("n".into(), now - SignedDuration::from_secs(silent));
        let mut other = node.clone();
        other.metadata.name = Some("other".into());
        other.status =
            serde_json::from_value(json!({"conditions": [{"type": "Ready", "status": others}]}))
                .unwrap();
        let view = View {
            nodes: Snapshot::of([node, other], &[]),
            pods: Snapshot::default(),
            heard,
        };
        let plan = plan(now, &view, &ObjectKey::new("", "n"));
        let taints =
            |action: &Action| match &action.call.body {
                navarch_api::call::Body::Patch(_, patch) => patch["spec"]["taints"]
                    .as_array()
                    .map_or("none".into(), |taints| {
                        let words = taints.iter().map(|t| {
                            format!(
                                "{}:{}",
                                t["key"].as_str().unwrap(),
                                t["effect"].as_str().unwrap()
                            )
                        });
                        words.collect::<Vec<_>>().join(" ")
                    }),
                navarch_api::call::Body::Object(node) => {
                    let mut json = Vec::new();
                    node.encode(&mut json);
                    let node: Node = serde_json::from_slice(&json).unwrap();
                    format!("ready {}", ready(&node).unwrap())
                }
                other => panic!("{other:?}"),
            };
        (plan.actions().map(taints).collect(), plan.wake)
    }

    #[test]
    fn a_silent_node_becomes_unknown_and_then_unreachable() {
        assert_eq!(planned(node("True", json!([])), 51).0, ["ready Unknown"]);
        let words =
            "node.kubernetes.io/unreachable:NoSchedule node.kubernetes.io/unreachable:NoExecute";
        assert_eq!(planned(node("Unknown", json!([])), 51).0, [words]);
    }

    #[test]
    fn a_node_that_is_heard_is_looked_at_again_when_its_grace_ends() {
        let (calls, wake) = planned(node("True", json!([])), 10);
        assert!(calls.is_empty());
        assert_eq!(
            wake,
            Some(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1040))
        );
    }

    #[test]
    fn while_no_node_is_ready_nothing_is_evicted() {
        let (calls, wake) = planned_among(node("Unknown", json!([])), 51, "False");
        assert_eq!(calls, ["node.kubernetes.io/unreachable:NoSchedule"]);
        assert_eq!(wake.map(Timestamp::as_second), Some(1005));
    }

    #[test]
    fn a_node_that_has_not_said_anything_yet_is_left_alone_for_a_while() {
        let mut silent = node("", json!([{"key": NOT_READY, "effect": "NoSchedule"}]));
        silent.status = None;
        assert!(planned_among(silent.clone(), 10, "True").0.is_empty());
        assert_eq!(planned_among(silent, 51, "True").0, ["ready Unknown"]);
    }

    #[test]
    fn a_cordoned_node_is_tainted() {
        let mut cordoned = node("True", json!([]));
        cordoned.spec.as_mut().unwrap().unschedulable = Some(true);
        assert_eq!(
            planned(cordoned, 1).0,
            ["node.kubernetes.io/unschedulable:NoSchedule"]
        );
    }

    #[test]
    fn a_node_that_is_ready_again_loses_our_taints_and_keeps_others() {
        let taints = json!([{"key": "gpu", "effect": "NoSchedule"}, {"key": NOT_READY, "effect": "NoSchedule"}]);
        assert_eq!(planned(node("True", taints), 1).0, ["gpu:NoSchedule"]);
        assert_eq!(
            planned(
                node("True", json!([{"key": NOT_READY, "effect": "NoSchedule"}])),
                1
            )
            .0,
            ["none"]
        );
    }
}
