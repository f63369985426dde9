//! Putting a pod on a node.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Binding, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::{items, text};
use super::condition;

/// Checks a binding: its target is a node, and has a name.
pub fn validate_binding(binding: &Binding) -> ErrorList {
    let path = Path::new("target");
    let mut errors = ErrorList::new();
    let kind = text(&binding.target.kind);
    if !matches!(kind, "" | "Node") {
        errors.push(Error::not_supported(
            &path.child("kind"),
            kind,
            &["Node", "<empty>"],
        ));
    }
    if text(&binding.target.name).is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    errors
}

/// Puts a pod on the node of a binding, whose labels and annotations it gets too.
///
/// # Errors
/// In Kubernetes' words, for a conflict about `pods/binding`: the pod is going, has a node, or waits for its gates.
pub fn bind(pod: &mut Pod, binding: &Binding, now: Timestamp) -> Result<(), String> {
    let name = text(&pod.metadata.name);
    let spec = pod.spec.get_or_insert_default();
    if pod.metadata.deletion_timestamp.is_some() {
        return Err(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ));
    }
    if !text(&spec.node_name).is_empty() {
        return Err(format!(
            "pod {name} is already assigned to node {:?}",
            text(&spec.node_name)
        ));
    }
    if !items(&spec.scheduling_gates).is_empty() {
        return Err(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    spec.node_name = binding.target.name.clone();
    let merge = |into: &mut Option<BTreeMap<String, String>>,
                 from: &Option<BTreeMap<String, String>>| {
        if let Some(from) = from.as_ref().filter(|from| !from.is_empty()) {
            into.get_or_insert_default().extend(from.clone());
        }
    };
    merge(&mut pod.metadata.annotations, &binding.metadata.annotations);
    merge(&mut pod.metadata.labels, &binding.metadata.labels);
    let status = pod.status.get_or_insert_default();
    status.nominated_node_name = None;
    condition::set(status, "PodScheduled", "True", None, None, Some(Time(now)));
    Ok(())
}
