//! A node's row.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use serde_json::Value;

use super::is_unschedulable;
use crate::cell;

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE: &str = "kubernetes.io/role";

pub(super) fn cells(node: &Node, now: Timestamp) -> Vec<Value> {
    let info = node
        .status
        .as_ref()
        .and_then(|status| status.node_info.as_ref());
    let known = |text: Option<&String>| {
        text.filter(|text| !text.is_empty())
            .cloned()
            .unwrap_or("<unknown>".into())
    };
    let mut kernel = known(info.map(|info| &info.kernel_version));
    if let Some(architecture) = info
        .map(|info| &info.architecture)
        .filter(|text| !text.is_empty())
    {
        kernel = format!("{kernel} ({architecture})");
    }
    vec![
        cell::name(&node.metadata),
        status(node).into(),
        roles(node).into(),
        cell::age(&node.metadata, now),
        info.map(|info| info.kubelet_version.clone())
            .unwrap_or_default()
            .into(),
        address(node, "InternalIP").into(),
        address(node, "ExternalIP").into(),
        known(info.map(|info| &info.os_image)).into(),
        kernel.into(),
        known(info.map(|info| &info.container_runtime_version)).into(),
    ]
}

fn status(node: &Node) -> String {
    let mut conditions = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let ready = match conditions.find(|condition| condition.type_ == "Ready") {
        Some(condition) if condition.status == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    if is_unschedulable(node) {
        format!("{ready},SchedulingDisabled")
    } else {
        ready.to_owned()
    }
}

fn roles(node: &Node) -> String {
    let mut roles = BTreeSet::new();
    for (key, value) in node.metadata.labels.iter().flatten() {
        let role = if key == ROLE {
            Some(value.as_str())
        } else {
            key.strip_prefix(ROLE_PREFIX)
        };
        roles.extend(role.filter(|role| !role.is_empty()));
    }
    if roles.is_empty() {
        "<none>".to_owned()
    } else {
        roles.into_iter().collect::<Vec<_>>().join(",")
    }
}

fn address(node: &Node, kind: &str) -> String {
    let mut addresses = node
        .status
        .iter()
        .flat_map(|status| status.addresses.iter().flatten());
    addresses
        .find(|address| address.type_ == kind)
        .map_or("<none>".to_owned(), |address| address.address.clone())
}
