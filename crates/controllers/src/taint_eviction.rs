//! Pods leave nodes with `NoExecute` taints: at once, or when what they tolerate of it has passed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::call::PatchKind;
use navarch_client::{Clock, EventType, Informer, ObjectKey, Queue, Snapshot};
use parking_lot::Mutex;
use serde_json::json;

use crate::node_lifecycle::pods_by_node;
use crate::{Action, Controller, Note, Plan, Watched, pods};

/// When the taints of each node were last seen to change: for those that do not tell since when they are there.
type Changed = imbl::HashMap<Arc<str>, Timestamp>;

/// The controller. Its keys are pods; they need the index [`pods_by_node`].
pub struct TaintEviction {
    /// Nodes.
    pub nodes: Informer<Node>,
    /// Pods.
    pub pods: Informer<Pod>,
    /// Tells when a taint was seen first.
    pub clock: Arc<dyn Clock>,
    changed: Arc<Mutex<Changed>>,
}

/// What a plan looks at.
pub struct View {
    /// Nodes.
    pub nodes: Snapshot<Node>,
    /// Pods.
    pub pods: Snapshot<Pod>,
    /// When the taints of each node were last seen to change.
    pub changed: Changed,
}

impl TaintEviction {
    /// The controller.
    pub fn new(nodes: Informer<Node>, pods: Informer<Pod>, clock: Arc<dyn Clock>) -> Self {
        Self {
            nodes,
            pods,
            clock,
            changed: Arc::default(),
        }
    }
}

impl Controller for TaintEviction {
    const NAME: &'static str = "taint-eviction-controller";
    const ACCOUNT: &'static str = "node-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let (q, pods) = (queue.clone(), self.pods.clone());
        let (changed, clock) = (self.changed.clone(), self.clock.clone());
        self.nodes.on_change(move |old, new| {
            let taints = |node: Option<&Arc<Node>>| {
                node.map(|node| evicting(node).into_iter().cloned().collect::<Vec<_>>())
            };
            let (before, after) = (
                taints(old).unwrap_or_default(),
                taints(new).unwrap_or_default(),
            );
            let Some(node) = new.or(old).filter(|_| before != after) else {
                return;
            };
            let name = ObjectKey::of(&node.metadata).name;
            if after.is_empty() {
                changed.lock().remove(&name);
                return;
            }
            changed.lock().insert(name.clone(), clock.now());
            pods.snapshot()
                .by_index(pods_by_node(), &name)
                .for_each(|pod| q.add(ObjectKey::of(&pod.metadata)));
        });
        let (q, nodes) = (queue.clone(), self.nodes.clone());
        self.pods.on_change(move |old, new| {
            let Some(pod) = new else { return };
            let place = |pod: &Arc<Pod>| {
                pod.spec
                    .as_ref()
                    .map(|spec| (spec.node_name.clone(), spec.tolerations.clone()))
            };
            if old.map(place) == Some(place(pod)) {
                return;
            }
            let node = node_of(pod).and_then(|node| nodes.get(&ObjectKey::new("", node)));
            if node.is_some_and(|node| !evicting(&node).is_empty()) {
                q.add(ObjectKey::of(&pod.metadata));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.nodes, &self.pods]
    }

    fn view(&self) -> View {
        View {
            nodes: self.nodes.snapshot(),
            pods: self.pods.snapshot(),
            changed: self.changed.lock().clone(),
        }
    }

    fn plan(&self, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(now, view, key)
    }
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec
        .as_ref()?
        .node_name
        .as_deref()
        .filter(|name| !name.is_empty())
}

/// The taints of a node that pods leave for.
fn evicting(node: &Node) -> Vec<&Taint> {
    let taints = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten());
    taints.filter(|taint| taint.effect == "NoExecute").collect()
}

/// Evicts the pod, or looks again when its time has come.
pub fn plan(now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let pod = view
        .pods
        .get(key)
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let Some((pod, node)) =
        pod.and_then(|pod| Some((pod, view.nodes.get(&ObjectKey::new("", node_of(pod)?))?)))
    else {
        return plan;
    };
    let changed = node_of(pod)
        .and_then(|name| view.changed.get(name))
        .copied()
        .unwrap_or(now);
    match leaves_at(now, changed, pod, &evicting(node)) {
        Some(at) if at <= now => evict(now, pod, &mut plan),
        Some(at) => {
            plan.wake_at(at);
        }
        None => {}
    }
    plan
}

/// When a pod has to leave for the first of these taints, the last of which came at `changed`; `None`: it tolerates all of them for ever.
fn leaves_at(
    now: Timestamp,
    changed: Timestamp,
    pod: &Pod,
    taints: &[&Taint],
) -> Option<Timestamp> {
    let tolerations = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.tolerations.as_deref())
        .unwrap_or_default();
    let times = taints.iter().filter_map(|taint| {
        let Some(toleration) = tolerations
            .iter()
            .find(|toleration| tolerates(toleration, taint))
        else {
            return Some(now);
        };
        let since = taint.time_added.as_ref().map_or(changed, |time| time.0);
        let seconds = toleration.toleration_seconds?.max(0);
        Some(
            since
                .checked_add(SignedDuration::from_secs(seconds))
                .unwrap_or(Timestamp::MAX),
        )
    });
    times.min()
}

/// As `k8s.io/component-helpers/scheduling/corev1` has it: what a toleration leaves out matches everything.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (effect, key) = (text(&toleration.effect), text(&toleration.key));
    let concerns =
        (effect.is_empty() || effect == taint.effect) && (key.is_empty() || key == taint.key);
    concerns
        && match toleration.operator.as_deref().unwrap_or("") {
            "" | "Equal" => text(&toleration.value) == text(&taint.value),
            "Exists" => true,
            _ => false,
        }
}

/// Says in the pod's status why it goes, and deletes it with its own grace.
fn evict(now: Timestamp, pod: &Arc<Pod>, plan: &mut Plan) {
    if pods::condition(pod, "DisruptionTarget").is_none_or(|condition| condition.status != "True") {
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": Time(now), "observedGeneration": pod.metadata.generation,
        });
        let patch =
            json!({"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}});
        plan.then(Action::patch_status(pod.as_ref(), PatchKind::Strategic, patch).idempotent());
    }
    let note = Note {
        about: pod.clone(),
        kind: EventType::Normal,
        reason: "TaintManagerEviction",
        message: format!("Marking for deletion Pod {}", ObjectKey::of(&pod.metadata)),
    };
    plan.then(Action::delete(pod.as_ref()).telling(note));
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const SINCE: i64 = 1000;

    /// What becomes, 100 s after the taint came, of a pod with these tolerations on a node with the taint `k=v:NoExecute`.
    fn outcome(tolerations: Value) -> (Vec<String>, Option<i64>) {
        let at = |seconds: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let taints = json!([
            {"key": "k", "value": "v", "effect": "NoExecute", "timeAdded": Time(at(SINCE))},
            {"key": "only-schedule", "effect": "NoSchedule"},
        ]);
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": {"taints": taints}});
        let spec = json!({"containers": [], "nodeName": "n", "tolerations": tolerations});
        let metadata = json!({"namespace": "ns", "name": "p", "uid": "u"});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
        let view = View {
            nodes: Snapshot::of([serde_json::from_value(node).unwrap()], &[]),
            pods: Snapshot::of([serde_json::from_value(pod).unwrap()], &[pods_by_node()]),
            changed: Changed::new(),
        };
        let plan = plan(at(SINCE + 100), &view, &ObjectKey::new("ns", "p"));
        let words = |action: &Action| {
            let told = action
                .done
                .as_ref()
                .map_or("", |note| note.message.as_str());
            format!("{} {}", action.call.verb.as_str(), told)
                .trim()
                .to_owned()
        };
        (
            plan.actions().map(words).collect(),
            plan.wake.map(|wake| wake.as_second() - SINCE),
        )
    }

    #[test]
    fn who_does_not_tolerate_leaves_at_once() {
        let gone = (
            vec![
                "patch".to_owned(),
                "delete Marking for deletion Pod ns/p".to_owned(),
            ],
            None,
        );
        assert_eq!(outcome(json!([])), gone);
        assert_eq!(outcome(json!([{"key": "k", "value": "other"}])), gone);
        assert_eq!(
            outcome(json!([{"key": "k", "operator": "Exists", "effect": "NoSchedule"}])),
            gone
        );
        assert_eq!(
            outcome(json!([{"operator": "Exists", "tolerationSeconds": 0}])),
            gone
        );
        assert_eq!(
            outcome(json!([{"operator": "Exists", "tolerationSeconds": 100}])),
            gone
        );
    }

    #[test]
    fn who_tolerates_for_ever_stays() {
        for tolerations in [
            json!([{"key": "k", "value": "v"}]),
            json!([{"operator": "Exists"}]),
        ] {
            assert_eq!(outcome(tolerations), (vec![], None));
        }
    }

    #[test]
    fn time_counts_from_when_the_taint_came() {
        assert_eq!(
            outcome(json!([{"key": "k", "operator": "Exists", "tolerationSeconds": 300}])),
            (vec![], Some(300))
        );
    }
}
