//! Pods that nobody else will remove: those on nodes that are gone, those that are deleted before they got a node, and ended ones over the limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::call::PatchKind;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};
use serde_json::json;

use crate::{Action, Controller, Plan, Watched, node_lifecycle, pods};

/// So many ended pods are kept. Kubernetes' `terminated-pod-gc-threshold`.
const ENDED: usize = 12_500;
/// What an administrator puts on a node that will not come back as it was.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
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
    missing: Arc<parking_lot::Mutex<BTreeMap<String, Timestamp>>>,
}

/// What a plan looks at.
pub struct View {
    /// Pods.
    pub pods: Snapshot<Pod>,
    /// Nodes.
    pub nodes: Snapshot<Node>,
    /// Since when nodes that pods name have been missing.
    pub missing: BTreeMap<String, Timestamp>,
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
    const ACCOUNT: &'static str = "pod-garbage-collector";
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

/// Deleted, but on a node of which an administrator has said that it is out of service: no agent will end it either.
fn is_stranded(pod: &Pod, node: &Node) -> bool {
    let mut taints = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten());
    pod.metadata.deletion_timestamp.is_some()
        && node_lifecycle::ready(node) != Some("True")
        && taints.any(|taint| taint.key == OUT_OF_SERVICE)
}

/// Those that were evicted go first, then the oldest.
fn dispensability(pod: &Pod) -> impl Ord + use<> {
    let status = pod.status.as_ref();
    let evicted = pods::phase(pod) == "Failed"
        && status.and_then(|status| status.reason.as_deref()) == Some("Evicted");
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (!evicted, created, pod.metadata.name.clone())
}

/// What to remove, and which nodes are missing since when.
pub fn plan(now: Timestamp, view: &View) -> (Plan, BTreeMap<String, Timestamp>) {
    let (mut lost, mut doomed) = (Vec::new(), Vec::new());
    let mut missing = BTreeMap::new();
    let mut ended = Vec::new();
    for pod in view.pods.iter() {
        let name = node_of(pod);
        let node = name.and_then(|name| view.nodes.get(&ObjectKey::new("", name)));
        if let (Some(name), None) = (name, node) {
            let since = view.missing.get(name).copied().unwrap_or(now);
            missing.insert(name.to_owned(), since);
            if now.duration_since(since) >= QUARANTINE {
                lost.push(pod);
            }
        } else if is_stillborn(pod) || node.is_some_and(|node| is_stranded(pod, node)) {
            doomed.push(pod);
        } else if pods::has_ended(pod) && pod.metadata.deletion_timestamp.is_none() {
            ended.push(pod);
        }
    }
    if ended.len() > ENDED {
        ended.sort_by_cached_key(|pod| dispensability(pod));
        doomed.extend(ended.iter().take(ended.len() - ENDED));
    }
    let mut plan = Plan::nothing();
    remove(&doomed, None, now, &mut plan);
    // A node that only this snapshot lacks runs its pods still.
    let gone: BTreeSet<&str> = lost.iter().filter_map(|pod| node_of(pod)).collect();
    plan.then_all(
        gone.into_iter()
            .map(Action::confirm_absent::<Node>)
            .collect(),
    );
    remove(&lost, Some("PodGC: node no longer exists"), now, &mut plan);
    plan.wake_at(now.saturating_add(PERIOD).unwrap_or(now));
    (plan, missing)
}

/// Removes pods for good, those that have not ended as failed ones.
fn remove(doomed: &[&Arc<Pod>], why: Option<&str>, now: Timestamp, plan: &mut Plan) {
    let unended = doomed.iter().filter(|pod| !pods::has_ended(pod));
    plan.then_all(unended.map(|pod| give_up(now, pod, why)).collect());
    let deletions = doomed
        .iter()
        .map(|pod| Action::delete(pod.as_ref()).with_grace(0));
    plan.then_all(deletions.collect());
}

/// Nobody will say any more how the pod ended: it counts as failed, and says why where its node took it along.
fn give_up(now: Timestamp, pod: &Pod, why: Option<&str>) -> Action {
    let mut status = json!({"phase": "Failed"});
    if let Some(why) = why {
        status["conditions"] = json!([{
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": why,
            "lastTransitionTime": Time(now), "observedGeneration": pod.metadata.generation,
        }]);
    }
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
        assert_eq!(names(&first), ["stillborn", "stillborn"]);
        view.missing = missing;
        let (later, _) = plan(now + QUARANTINE, &view);
        assert_eq!(
            names(&later),
            ["stillborn", "stillborn", "gone", "orphan", "orphan"]
        );
        let confirmed = later.actions().find(|action| action.expected.is_some());
        assert_eq!(confirmed.unwrap().call.name.as_deref(), Some("gone"));
    }

    #[test]
    fn deleted_pods_go_with_a_node_that_is_out_of_service() {
        let going = |ready: &str, taint: &str| {
            let node = json!({
                "metadata": {"name": "n"}, "spec": {"taints": [{"key": taint, "effect": "NoExecute"}]},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            });
            let view = View {
                pods: Snapshot::of(
                    [
                        pod("going", Some("n"), true),
                        pod("stays", Some("n"), false),
                    ],
                    &[],
                ),
                nodes: Snapshot::of([serde_json::from_value::<Node>(node).unwrap()], &[]),
                missing: BTreeMap::new(),
            };
            plan(Timestamp::UNIX_EPOCH, &view).0.actions().count()
        };
        assert_eq!(going("Unknown", OUT_OF_SERVICE), 2);
        assert_eq!(going("True", OUT_OF_SERVICE), 0);
        assert_eq!(going("Unknown", "other"), 0);
    }

    #[test]
    fn evicted_pods_are_the_first_over_the_limit() {
        let mut pods: Vec<Pod> = (0..=ENDED)
            .map(|n| pod(&format!("p{n}"), Some("n"), false))
            .collect();
        for pod in &mut pods {
            pod.status.get_or_insert_default().phase = Some("Failed".into());
        }
        pods[700].status.get_or_insert_default().reason = Some("Evicted".into());
        let view = View {
            pods: Snapshot::of(pods, &[]),
            nodes: Snapshot::of(
                [serde_json::from_value::<Node>(json!({"metadata": {"name": "n"}})).unwrap()],
                &[],
            ),
            missing: BTreeMap::new(),
        };
        let (plan, _) = plan(Timestamp::UNIX_EPOCH, &view);
        let gone: Vec<_> = plan.actions().map(|a| a.call.name.clone()).collect();
        assert_eq!(gone, [Some("p700".to_owned())]);
    }
}
