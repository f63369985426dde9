//! Approves what nodes serve with, where it says nothing but where the node is.
//!
//! Kubernetes approves none of these, for who has a node's certificate can pose as that node to the API server. Here one is approved
//! only if the node itself asks for it, by names and addresses that its Node object has and that of no other node.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{Node, NodeAddress};
use navarch_api::certificates::{Requested, signers};
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use super::{approve, is_pending};
use crate::{Controller, Plan, Watched};

const NODE_PREFIX: &str = "system:node:";
const NODES: &str = "system:nodes";
const MESSAGE: &str =
    "Auto approving kubelet serving certificate: the node asks for its own names and addresses.";

/// The controller. Its keys are requests.
pub struct ServingApproving {
    /// Requests.
    pub requests: Informer<CertificateSigningRequest>,
    /// Nodes.
    pub nodes: Informer<Node>,
}

/// What a plan looks at.
pub struct View {
    /// Requests.
    pub requests: Snapshot<CertificateSigningRequest>,
    /// Nodes.
    pub nodes: Snapshot<Node>,
}

impl Controller for ServingApproving {
    const NAME: &'static str = "kubelet-serving-approver";
    const ACCOUNT: &'static str = "kubelet-serving-approver";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.requests.on_change(move |_, new| {
            if let Some(request) = new {
                q.add(ObjectKey::of(&request.metadata));
            }
        });
        // A node may ask before it has told where it is.
        let (q, requests) = (queue.clone(), self.requests.clone());
        self.nodes.on_change(move |old, new| {
            if old.map(|node| addresses(node)) == new.map(|node| addresses(node)) {
                return;
            }
            for request in requests.snapshot().iter() {
                if request.spec.signer_name == signers::KUBELET_SERVING && is_pending(request) {
                    q.add(ObjectKey::of(&request.metadata));
                }
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.requests, &self.nodes]
    }

    fn view(&self) -> View {
        View {
            requests: self.requests.snapshot(),
            nodes: self.nodes.snapshot(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(view, key)
    }
}

/// Approves a request that is as it should be. Others wait for somebody who knows better.
pub fn plan(view: &View, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let request = view.requests.get(key);
    if let Some(request) = request.filter(|it| is_pending(it) && is_nodes_own(it, &view.nodes)) {
        plan.then(approve(request, MESSAGE));
    }
    plan
}

fn is_nodes_own(request: &CertificateSigningRequest, nodes: &Snapshot<Node>) -> bool {
    let spec = &request.spec;
    let Ok(requested) = Requested::read(&spec.request.0) else {
        return false;
    };
    let usages = spec.usages.as_deref().unwrap_or_default();
    let asks = spec.username.as_deref().unwrap_or_default();
    let is_node = spec.groups.iter().flatten().any(|group| group == NODES);
    let named = asks.strip_prefix(NODE_PREFIX).filter(|_| is_node);
    let node = named.and_then(|name| nodes.get(&ObjectKey::new("", name)));
    let Some(node) = node else {
        return false;
    };
    let others = || nodes.iter().filter(|other| !Arc::ptr_eq(other, node));
    let alone = |has: &dyn Fn(&Node) -> bool| has(node) && !others().any(|other| has(other));
    spec.signer_name == signers::KUBELET_SERVING
        && signers::check_kubelet_serving(&requested, usages).is_ok()
        && requested.common_name() == asks
        && requested
            .dns_names
            .iter()
            .all(|name| alone(&|node| has_name(node, name)))
        && requested
            .addresses
            .iter()
            .all(|address| alone(&|node| has_address(node, *address)))
}

fn addresses(node: &Node) -> &[NodeAddress] {
    let status = node.status.as_ref();
    status
        .and_then(|status| status.addresses.as_deref())
        .unwrap_or_default()
}

fn has_name(node: &Node, name: &str) -> bool {
    let mut all = addresses(node).iter();
    all.any(|it| {
        matches!(&*it.type_, "Hostname" | "InternalDNS" | "ExternalDNS")
            && it.address.eq_ignore_ascii_case(name)
    })
}

fn has_address(node: &Node, address: IpAddr) -> bool {
    let mut all = addresses(node).iter();
    all.any(|it| {
        matches!(&*it.type_, "InternalIP" | "ExternalIP") && it.address.parse() == Ok(address)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::APPROVED;
    use super::super::fixture::{Csr, serving};
    use super::*;

    fn node(name: &str, address: &str) -> Node {
        let addresses = json!([
            {"type": "Hostname", "address": name},
            {"type": "InternalIP", "address": address},
        ]);
        let node = json!({"metadata": {"name": name}, "status": {"addresses": addresses}});
        serde_json::from_value(node).unwrap()
    }

    fn is_approved(request: Csr, nodes: &[Node]) -> bool {
        let request = request.made();
        let key = ObjectKey::of(&request.metadata);
        let view = View {
            requests: Snapshot::of([request], &[]),
            nodes: Snapshot::of(nodes.to_vec(), &[]),
        };
        let plan = plan(&view, &key);
        let calls: Vec<_> = plan.actions().map(|action| &action.call).collect();
        assert!(calls.len() < 2);
        let approves = |call: &&&navarch_api::call::Call| {
            call.subresource.as_deref() == Some("approval") && call.verb.as_str() == "update"
        };
        calls.iter().any(|call| approves(&call))
    }

    #[test]
    fn a_node_gets_what_says_where_it_is() {
        let own = [node("n", "10.0.0.1"), node("m", "10.0.0.2")];
        assert!(is_approved(serving(), &own));
        let elsewhere = [node("n", "10.0.0.3")];
        assert!(!is_approved(serving(), &elsewhere), "another address");
        assert!(!is_approved(serving(), &[node("m", "10.0.0.1")]), "no node");
        let two = [node("n", "10.0.0.1"), node("m", "10.0.0.1")];
        assert!(!is_approved(serving(), &two), "two have the address");
    }

    #[test]
    fn nobody_gets_what_is_anothers() {
        let own = [node("n", "10.0.0.1"), node("m", "10.0.0.2")];
        for request in [
            serving().by("system:node:m"),
            serving().by("system:bootstrap:abcdef"),
            serving().by("admin"),
            serving().groups(&["system:masters"]),
            serving().usages(&["client auth", "digital signature"]),
            serving().signer(signers::KUBELET_CLIENT),
            serving().named("other.example"),
            serving().at("10.0.0.2"),
            serving().with(APPROVED),
        ] {
            let told = format!("{request:?}");
            assert!(!is_approved(request, &own), "{told}");
        }
    }
}
