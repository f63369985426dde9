//! Nodes that fall silent: their conditions become unknown, their taints follow their conditions, and the pods on them are told to be unready.

mod heard;
mod silence;
mod taints;
mod zones;

use std::sync::Arc;

use heard::Heard;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Pod};
use navarch_api::call::PatchKind;
use navarch_client::{
    Clock, EventRecorder, EventType, Index, Informer, ObjectKey, Queue, Snapshot,
};
use parking_lot::Mutex;
use serde_json::json;
use zones::Eviction;

use crate::{Action, Controller, Plan, Watched};

/// A node that has not renewed its lease for so long is taken for dead. Kubernetes' `node-monitor-grace-period`.
pub const GRACE: SignedDuration = SignedDuration::from_secs(50);
/// Where nodes keep their leases.
pub const LEASES: &str = "kube-node-lease";

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

/// How long a node whose pods may not be driven off yet waits to be looked at again. Kubernetes' `node-monitor-period`.
const MONITOR: SignedDuration = SignedDuration::from_secs(5);

/// The controller. Pods need the index [`pods_by_node`].
pub struct NodeLifecycle {
    /// Nodes.
    pub nodes: Informer<Node>,
    /// Leases in [`LEASES`].
    pub leases: Informer<Lease>,
    /// Pods.
    pub pods: Informer<Pod>,
    /// Tells when a lease was seen to change.
    pub clock: Arc<dyn Clock>,
    /// Tells of nodes that come and go.
    pub recorder: EventRecorder,
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
        clock: Arc<dyn Clock>,
        recorder: EventRecorder,
    ) -> Self {
        Self {
            nodes,
            leases,
            pods,
            clock,
            recorder,
            heard: Arc::default(),
        }
    }
}

impl Controller for NodeLifecycle {
    const NAME: &'static str = "node-controller";
    const ACCOUNT: &'static str = "node-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let (q, heard, clock) = (queue.clone(), self.heard.clone(), self.clock.clone());
        let recorder = self.recorder.clone();
        self.nodes.on_change(move |old, new| {
            let Some(node) = new.or(old) else { return };
            tell(&recorder, old, new);
            let mut heard = heard.lock();
            let nodes = [old, new].map(|node| node.map(AsRef::as_ref));
            if heard.of_node(clock.now(), nodes[0], nodes[1]) {
                heard
                    .last()
                    .keys()
                    .for_each(|name| q.add(ObjectKey::new("", name)));
            }
            q.add(ObjectKey::of(&node.metadata));
        });
        let (q, heard, clock) = (queue.clone(), self.heard.clone(), self.clock.clone());
        self.leases.on_change(move |_, new| {
            let name = new.and_then(|lease| lease.metadata.name.as_deref());
            if let Some(name) = name
                && heard.lock().of_lease(clock.now(), name)
            {
                q.add(ObjectKey::new("", name));
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
            heard: self.heard.lock().last(),
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
        silence::give_up(now, node, &mut plan);
        return plan;
    }
    let eviction = if ready(node) == Some("True") {
        Eviction::Now
    } else {
        zones::eviction(now, &view.nodes, node)
    };
    if eviction != Eviction::Now {
        plan.wake_at(now.saturating_add(MONITOR).unwrap_or(now));
    }
    if let Some(taints) = taints::changed(node, now, eviction) {
        let patch = json!({
            "metadata": {"uid": node.metadata.uid, "resourceVersion": node.metadata.resource_version},
            "spec": {"taints": (!taints.is_empty()).then_some(taints)},
        });
        plan.then(Action::patch(node.as_ref(), PatchKind::Merge, patch));
    }
    if ready(node).is_some_and(|ready| ready != "True") {
        plan.then_all(silence::mark_pods(now, view, &key.name));
    }
    plan
}

/// As Kubernetes tells of nodes that its controller gets to know, and of those that are gone.
fn tell(recorder: &EventRecorder, old: Option<&Arc<Node>>, new: Option<&Arc<Node>>) {
    let (node, reason, message) = match (old, new) {
        (None, Some(node)) => (
            node,
            "RegisteredNode",
            format!("Registered Node {} in Controller", name_of(node)),
        ),
        (Some(node), None) => (
            node,
            "RemovingNode",
            format!("Removing Node {} from Controller", name_of(node)),
        ),
        _ => return,
    };
    recorder.event(node.as_ref(), EventType::Normal, reason, message);
}

fn name_of(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or("")
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

#[cfg(test)]
mod tests;
