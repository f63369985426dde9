//! Labels, addresses and status of the Node.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerImage, DaemonEndpoint, Node, NodeAddress, NodeDaemonEndpoints, NodeFeatures, NodeSpec,
    NodeStatus, Taint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_runtime::cri::Image;

use super::conditions::{Pressure, conditions};
use super::machine::{Machine, architecture};
use crate::options::NodeOptions;

/// As many images as the kubelet tells.
const MAX_IMAGES: usize = 50;
/// As many names of each.
const MAX_NAMES: usize = 5;

/// What the API server asks no node for that does not declare it, of what this one does. In the order of the alphabet.
const DECLARED: [&str; 1] = ["InPlacePodLevelResourcesVerticalScaling"];

/// The labels that a new node has: those that every node has, and those that it was told to give itself, which may be other values of these.
pub(super) fn labels(options: &NodeOptions) -> BTreeMap<String, String> {
    let mut labels = usual_labels(options);
    labels.extend(options.labels.clone());
    labels
}

/// The labels that every node has, but for those that it was told other values of.
pub(super) fn usual_labels(options: &NodeOptions) -> BTreeMap<String, String> {
    let arch = architecture();
    let usual = [
        ("kubernetes.io/hostname", options.hostname.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", arch),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", arch),
    ];
    let own = usual
        .into_iter()
        .filter(|(key, _)| !options.labels.contains_key(*key));
    own.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A new Node.
pub(super) fn new_node(options: &NodeOptions, status: NodeStatus) -> Node {
    let not_ready = Taint {
        key: "node.kubernetes.io/not-ready".into(),
        effect: "NoSchedule".into(),
        ..Taint::default()
    };
    let mut taints = options.taints.clone();
    taints.push(not_ready);
    let mut annotations = options.annotations.clone();
    annotations.insert(
        "volumes.kubernetes.io/controller-managed-attach-detach".to_owned(),
        "true".to_owned(),
    );
    let metadata = ObjectMeta {
        name: Some(options.name.clone()),
        labels: Some(labels(options)),
        annotations: Some(annotations),
        ..ObjectMeta::default()
    };
    let cidr = options.pod_cidr.clone();
    let spec = NodeSpec {
        taints: Some(taints),
        pod_cidrs: cidr.clone().map(|cidr| vec![cidr]),
        pod_cidr: cidr,
        ..NodeSpec::default()
    };
    Node {
        metadata,
        spec: Some(spec),
        status: Some(status),
    }
}

/// What the status is made from.
pub(super) struct Facts<'a> {
    pub(super) options: &'a NodeOptions,
    pub(super) machine: &'a Machine,
    pub(super) images: &'a [Image],
    pub(super) pressure: Pressure,
    pub(super) unready: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// The status; what others wrote in `old` stays.
pub(super) fn status(old: Option<&NodeStatus>, facts: &Facts<'_>) -> NodeStatus {
    let Facts {
        options,
        machine,
        images,
        pressure,
        unready,
        now,
    } = *facts;
    let mut status = old.cloned().unwrap_or_default();
    let before = status.conditions.take().unwrap_or_default();
    let mut ours = conditions(&before, pressure, unready, now);
    let theirs = before
        .into_iter()
        .filter(|c| ours.iter().all(|o| o.type_ != c.type_))
        .collect::<Vec<_>>();
    ours.extend(theirs);
    status.conditions = Some(ours);
    set_whereabouts(&mut status, options);
    status.capacity = Some(machine.capacity(options));
    status.allocatable = Some(machine.allocatable(options));
    status.node_info = Some(machine.info.clone());
    status.features = Some(NodeFeatures {
        supplemental_groups_policy: Some(true),
    });
    status.declared_features = Some(DECLARED.map(str::to_owned).into());
    status.images = Some(told_images(images));
    status
}

/// Where the node's API is.
pub(super) fn set_whereabouts(status: &mut NodeStatus, options: &NodeOptions) {
    let address = |kind: &str, address: String| NodeAddress {
        type_: kind.to_owned(),
        address,
    };
    let mut addresses: Vec<_> = options
        .addresses
        .now()
        .iter()
        .map(|ip| address("InternalIP", ip.to_string()))
        .collect();
    addresses.push(address("Hostname", options.hostname.clone()));
    status.addresses = Some(addresses);
    let port = i32::from(options.port);
    status.daemon_endpoints = Some(NodeDaemonEndpoints {
        kubelet_endpoint: Some(DaemonEndpoint { port }),
    });
}

/// The largest first.
fn told_images(images: &[Image]) -> Vec<ContainerImage> {
    let mut images: Vec<&Image> = images.iter().collect();
    images.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.id.cmp(&b.id)));
    let told = images
        .into_iter()
        .take(MAX_IMAGES)
        .map(|image| ContainerImage {
            names: Some(
                image
                    .digests
                    .iter()
                    .chain(&image.tags)
                    .take(MAX_NAMES)
                    .cloned()
                    .collect(),
            ),
            size_bytes: i64::try_from(image.size).ok(),
        });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_was_told_of_its_labels_stands() {
        let mut options = NodeOptions::new("n", [192, 0, 2, 1].into(), "/nowhere".into());
        let told = [("kubernetes.io/hostname", "other"), ("rack", "7")];
        options.labels = told.map(|(key, value)| (key.into(), value.into())).into();
        let new = labels(&options);
        assert_eq!(new["kubernetes.io/hostname"], "other");
        assert_eq!((&*new["rack"], &*new["kubernetes.io/os"]), ("7", "linux"));
        // Nor is it said otherwise at the next start.
        let usual = usual_labels(&options);
        assert!(
            !usual.contains_key("kubernetes.io/hostname") && usual.contains_key("kubernetes.io/os")
        );
    }
}
