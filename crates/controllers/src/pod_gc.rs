//! Pods that nobody else will remove: those on nodes that are gone, those that are deleted before they got a node, and ended ones over the limit.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::call::PatchKind;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};
use serde_json::json;

use crate::{Action, Controller, Plan, Watched, pods};

/// So many ended pods are kept. Kubernetes' `terminated-pod-gc-threshold`.
const ENDED: usize = 12_500;
/// How often all pods are gone through. Kubernetes' 20 seconds.
const PERIOD: SignedDuration = SignedDuration::from_secs(20);
/// How long a node must be gone before its pods are: it may be on its way back. Kubernetes' 40 seconds.
const QUARANTINE: SignedDuration = SignedDuration::from_secs(40);

/// The controller. It has one key.
pub struct PodGc {
    /// Pods.
    pub pods: Informer<Pod>,
    /// Nodes.
    pub nodes: Informer<Node>,
    missing: Arc<parking_lot::Mutex<std::collections::BTreeMap<String, Timestamp>>>,
}

/// What a plan looks at.
pub struct View {
    /// Pods.
    pub pods: Snapshot<Pod>,
    /// Nodes.
    pub nodes: Snapshot<Node>,
    /// Since when nodes that pods name have been missing.
    pub missing: std::collections::BTreeMap<String, Timestamp>,
}

impl PodGc {
    /// The controller.
    pub fn new(pods: Informer<Pod>, nodes: Informer<Node>) -> Self {
        Self {
            pods,
            nodes,
            missing: Arc::default(),
        }
    }
}

impl Controller for PodGc {
    const NAME: &'static str = "pod-garbage-collector";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        queue.add(ObjectKey::new("", "pods"));
        let q = queue.clone();
        self.pods.on_change(move |_, new| {
            if new.is_some_and(|pod| is_stillborn(pod)) {
                q.add(ObjectKey::new("", "pods"));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.pods, &self.nodes]
    }

    fn view(&self) -> View {
        View {
            pods: self.pods.snapshot(),
            nodes: self.nodes.snapshot(),
            missing: self.missing.lock().clone(),
        }
    }

    fn plan(&self, now: Timestamp, view: &View, _key: &ObjectKey) -> Plan {
        let (plan, missing) = plan(now, view);
        *self.missing.lock() = missing;
        plan
    }
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec
        .as_ref()?
        .node_name
        .as_deref()
        .filter(|name| !name.is_empty())
}

/// Deleted before it had a node: no agent will end it.
fn is_stillborn(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some() && node_of(pod).is_none()
}

/// What to remove, and which nodes are missing since when.
pub fn plan(now: Timestamp, view: &View) -> (Plan, std::collections::BTreeMap<String, Timestamp>) {
    let (mut lost, mut doomed) = (Vec::new(), Vec::new());
    let mut missing = std::collections::BTreeMap::new();
    let mut ended = Vec::new();
    for pod in view.pods.iter() {
        let orphaned =
            node_of(pod).filter(|node| view.nodes.get(&ObjectKey::new("", node)).is_none());
        if let Some(node) = orphaned {
            let since = view.missing.get(node).copied().unwrap_or(now);
            missing.insert(node.to_owned(), since);
            if now.duration_since(since) >= QUARANTINE {
                lost.push(pod);
            }
        } else if is_stillborn(pod) {
            doomed.push(pod);
        } else if pods::has_ended(pod) && pod.metadata.deletion_timestamp.is_none() {
            ended.push(pod);
        }
    }
    if ended.len() > ENDED {
        ended.sort_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
        doomed.extend(ended.iter().take(ended.len() - ENDED));
    }
    let mut plan = Plan::nothing();
    plan.then_all(
        lost.iter()
            .filter(|pod| !pods::has_ended(pod))
            .map(|pod| give_up(now, pod))
            .collect(),
    );
    let doomed = lost.into_iter().chain(doomed);
    plan.then_all(
        doomed
            .map(|pod| Action::delete(pod.as_ref()).with_grace(0))
            .collect(),
    );
    plan.wake_at(now.saturating_add(PERIOD).unwrap_or(now));
    (plan, missing)
}

/// Nobody will say any more how a pod on a lost node ended: it counts as failed, and says why.
fn give_up(now: Timestamp, pod: &Pod) -> Action {
    let condition = json!({
        "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": "PodGC: node no longer exists",
        "lastTransitionTime": Time(now), "observedGeneration": pod.metadata.generation,
    });
    let status = json!({"phase": "Failed", "conditions": [condition]});
    let patch = json!({"metadata": {"uid": pod.metadata.uid}, "status": status});
    Action::patch_status(pod, PatchKind::Strategic, patch).idempotent()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, node: Option<&str>, deleting: bool) -> Pod {
        let deleted = deleting.then_some("2024-01-01T00:00:00Z");
        let metadata = json!({"name": name, "namespace": "d", "deletionTimestamp": deleted});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [], "nodeName": node}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn stillborn_pods_go_at_once_and_orphans_after_a_while() {
        let nodes: Vec<Node> = vec![
            serde_json::from_value(
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}),
            )
            .unwrap(),
        ];
        let pods = vec![
            pod("stillborn", None, true),
            pod("lives", Some("n"), true),
            pod("orphan", Some("gone"), false),
            pod("waits", None, false),
        ];
        let mut view = View {
            pods: Snapshot::of(pods, &[]),
            nodes: Snapshot::of(nodes, &[]),
            missing: Default::default(),
        };
        let names = |plan: &Plan| {
            plan.actions()
                .filter_map(|a| a.call.name.clone())
                .collect::<Vec<_>>()
        };
        let now = Timestamp::UNIX_EPOCH;
        let (first, missing) = plan(now, &view);
        assert_eq!(names(&first), ["stillborn"]);
        view.missing = missing;
        let (later, _) = plan(now + QUARANTINE, &view);
        assert_eq!(names(&later), ["orphan", "orphan", "stillborn"]);
    }
}
