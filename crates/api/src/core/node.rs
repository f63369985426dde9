//! Nodes: taints, addresses, pod networks that are assigned once.

mod cells;
mod validate;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use crate::address::cidr_warnings;
use crate::cell;
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::strategy::{Hooks, MetadataRules, Part};

impl Hooks for Node {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of("Status", "string", "", 0, "The status of the node"),
        Column::of("Roles", "string", "", 0, "The roles of the node"),
        cell::AGE,
        Column::of(
            "Version",
            "string",
            "",
            0,
            "Kubelet Version reported by the node.",
        ),
        Column::of(
            "Internal-IP",
            "string",
            "",
            1,
            "List of addresses reachable to the node. Queried from cloud provider, if available. More info: \
            https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the \
            merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a \
            full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change \
            during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that \
            inherit a Node's address in its own status or consumers of the downward API (status.hostIP).",
        ),
        Column::of(
            "External-IP",
            "string",
            "",
            1,
            "List of addresses reachable to the node. Queried from cloud provider, if available. More info: \
            https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the \
            merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a \
            full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change \
            during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that \
            inherit a Node's address in its own status or consumers of the downward API (status.hostIP).",
        ),
        Column::of(
            "OS-Image",
            "string",
            "",
            1,
            "OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy)).",
        ),
        Column::of(
            "Kernel-Version",
            "string",
            "",
            1,
            "Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64).",
        ),
        Column::of(
            "Container-Runtime",
            "string",
            "",
            1,
            "ContainerRuntime Version reported by the node through runtime remote API (e.g. containerd://1.4.2).",
        ),
    ];
    const FIELDS: &'static [&'static str] = &["spec.unschedulable"];

    fn apply_defaults(&mut self) {
        let spec = self.spec.get_or_insert_default();
        drop_empty(&mut spec.unschedulable);
        drop_empty(&mut spec.taints);
        drop_empty(&mut spec.pod_cidr);
        drop_empty(&mut spec.pod_cidrs);
        // The one network from before there could be two is the first of them.
        if let Some(cidr) = &spec.pod_cidr {
            match spec.pod_cidrs.as_deref_mut() {
                Some([first, ..]) => first.clone_from(cidr),
                _ => spec.pod_cidrs = Some(vec![cidr.clone()]),
            }
        } else {
            spec.pod_cidr = spec.pod_cidrs.iter().flatten().next().cloned();
            drop_empty(&mut spec.pod_cidr);
        }
        let status = self.status.get_or_insert_default();
        status.node_info.get_or_insert_default();
        status
            .daemon_endpoints
            .get_or_insert_default()
            .kubelet_endpoint
            .get_or_insert_default();
        drop_empty(&mut status.allocatable);
        if status.allocatable.is_none() {
            status.allocatable.clone_from(&status.capacity);
        }
    }

    // A node may come with its status: it is what the node says of itself.
    fn prepare_for_create(&mut self) {
        self.spec.get_or_insert_default().config_source = None;
        self.status.get_or_insert_default().config = None;
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
            if old.status.as_ref().is_none_or(|old| old.config.is_none()) {
                self.status.get_or_insert_default().config = None;
            }
            return;
        }
        self.status.clone_from(&old.status);
        if old
            .spec
            .as_ref()
            .is_none_or(|old| old.config_source.is_none())
        {
            self.spec.get_or_insert_default().config_source = None;
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        validate::node(self)
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        validate::change(self, old)
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        let Some(spec) = &self.spec else {
            return Vec::new();
        };
        let mut warnings = Vec::new();
        if spec.config_source.is_some() {
            warnings.push("spec.configSource: the feature is removed".to_owned());
        }
        if spec.external_id.as_deref().is_some_and(|id| !id.is_empty()) {
            warnings.push(
                "spec.externalID: this field is deprecated, and is unused by Kubernetes".to_owned(),
            );
        }
        let path = Path::new("spec").child("podCIDRs");
        for (at, cidr) in spec.pod_cidrs.iter().flatten().enumerate() {
            warnings.extend(cidr_warnings(&path.index(at), cidr));
        }
        warnings
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        cells::cells(self, now)
    }

    fn field(&self, path: &str) -> Option<String> {
        (path == "spec.unschedulable").then(|| is_unschedulable(self).to_string())
    }
}

fn is_unschedulable(node: &Node) -> bool {
    node.spec
        .as_ref()
        .and_then(|spec| spec.unschedulable)
        .unwrap_or_default()
}
