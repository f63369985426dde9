//! What follows when a node falls silent: its conditions become unknown, and the pods on it unready.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::call::PatchKind;
use navarch_client::EventType;
use serde_json::json;

use super::{View, pods_by_node};
use crate::{Action, Note, Plan, pods};

/// The node has been silent for too long: nothing it last said is known to hold.
pub(super) fn give_up(now: Timestamp, node: &Arc<Node>, plan: &mut Plan) {
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

/// The pods of a node that is not ready are not ready either: nothing should send them traffic.
pub(super) fn mark_pods(now: Timestamp, view: &View, node: &str) -> Vec<Action> {
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
