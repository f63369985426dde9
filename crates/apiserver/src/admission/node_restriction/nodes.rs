//! Nodes: its own object alone, and neither taints nor owners nor labels by which work is drawn to a node.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Node;
use navarch_api::core::node_labels;
use navarch_machinery::status::Result;

use super::Write;

/// The domain of labels that say which nodes may run what: no node gives itself one.
const RESTRICTED: &str = "node-restriction.kubernetes.io";

pub(super) fn check(write: &Write<'_>) -> Result<()> {
    let (node, name) = (write.node, write.name());
    if name != node {
        return Err(write.forbidden(format!(
            "node {node:?} is not allowed to modify node {name:?}"
        )));
    }
    let Some(object) = write.object.as_any().downcast_ref::<Node>() else {
        return Ok(());
    };
    if write.is_creation() {
        let forbidden = forbidden_labels(&labels(object), &BTreeMap::new());
        if has_config_source(object) {
            return Err(write.forbidden(format!(
                "node {node:?} is not allowed to create pods with a non-nil configSource"
            )));
        }
        if !forbidden.is_empty() {
            return Err(write.forbidden(format!(
                "node {node:?} is not allowed to set the following labels: {}",
                forbidden.join(", ")
            )));
        }
    }
    match (write.part(), write.both::<Node>()) {
        (Some(_), Some((new, old))) => check_update(write, new, old),
        _ => Ok(()),
    }
}

fn check_update(write: &Write<'_>, new: &Node, old: &Node) -> Result<()> {
    let node = write.node;
    let source = |node: &Node| node.spec.as_ref().and_then(|it| it.config_source.clone());
    if has_config_source(new) && source(new) != source(old) {
        return Err(write.forbidden(format!(
            "node {node:?} is not allowed to update configSource to a new non-nil configSource"
        )));
    }
    let taints = |node: &Node| {
        let spec = node.spec.as_ref();
        spec.and_then(|it| it.taints.clone()).unwrap_or_default()
    };
    if taints(new) != taints(old) {
        return Err(write.forbidden(format!("node {node:?} is not allowed to modify taints")));
    }
    let owners = |node: &Node| node.metadata.owner_references.clone().unwrap_or_default();
    if owners(new) != owners(old) {
        return Err(write.forbidden(format!(
            "node {node:?} is not allowed to modify ownerReferences"
        )));
    }
    let forbidden = forbidden_labels(&labels(new), &labels(old));
    if !forbidden.is_empty() {
        return Err(write.forbidden(format!(
            "is not allowed to modify labels: {}",
            forbidden.join(", ")
        )));
    }
    Ok(())
}

fn has_config_source(node: &Node) -> bool {
    let spec = node.spec.as_ref();
    spec.is_some_and(|spec| spec.config_source.is_some())
}

type Labels = BTreeMap<String, String>;

fn labels(node: &Node) -> Labels {
    node.metadata.labels.clone().unwrap_or_default()
}

/// The labels that differ and that a node may not set, in order.
fn forbidden_labels(new: &Labels, old: &Labels) -> Vec<String> {
    let keys: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let changed = keys
        .into_iter()
        .filter(|key| new.get(*key) != old.get(*key));
    changed.filter(|key| is_forbidden(key)).cloned().collect()
}

fn is_forbidden(label: &str) -> bool {
    node_labels::within(label, RESTRICTED)
        || (node_labels::is_kubernetes(label) && !node_labels::is_own(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_gives_itself_no_label_that_draws_work_to_it() {
        for (label, forbidden) in [
            ("team", false),
            ("example.org/zone", false),
            ("kubernetes.io/hostname", false),
            ("kubernetes.io/other", true),
            ("a.node.kubernetes.io/x", false),
            ("kubelet.kubernetes.io/x", false),
            ("node-role.kubernetes.io/control-plane", true),
            ("x.k8s.io/y", true),
            ("notkubernetes.io/y", false),
            ("node-restriction.kubernetes.io/x", true),
            ("a.node-restriction.kubernetes.io/x", true),
        ] {
            assert_eq!(is_forbidden(label), forbidden, "{label}");
        }
    }
}
