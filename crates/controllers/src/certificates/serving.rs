//! Approves what nodes serve with, where it says nothing but where the node is.
//!
//! Kubernetes approves none of these, for who has a node's certificate can pose as that node to the API server. Here one is approved
//! only if the node itself asks for it, by its own name and by addresses that its Node object has and that of no older node.
//!
//! A node says itself which addresses it has, and pods trust whatever the authority has signed. So what is another's in any case, the
//! API server's above all, is approved for nobody: see [`Reserved`].

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{Node, NodeAddress};
use navarch_api::certificates::{Requested, signers};
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use super::{approve, is_pending, queue_each};
use crate::{Controller, Plan, Watched};

const NODE_PREFIX: &str = "system:node:";
const NODES: &str = "system:nodes";
const MESSAGE: &str =
    "Auto approving kubelet serving certificate: the node asks for its own names and addresses.";

/// Names by which pods call the API server, or themselves, whatever its certificate says.
const ALWAYS_RESERVED: [&str; 3] = ["localhost", "kubernetes", "kubernetes.default"];

/// The controller. Its keys are requests.
pub struct ServingApproving {
    /// Requests.
    pub requests: Informer<CertificateSigningRequest>,
    /// Nodes.
    pub nodes: Informer<Node>,
    /// What is approved for no node.
    pub reserved: Reserved,
}

/// What is no node's, whatever a node says of itself; beside it are names of services and addresses that never are.
#[derive(Debug, Clone, Default)]
pub struct Reserved {
    /// Names: those in the API server's certificate.
    pub names: Vec<String>,
    /// Addresses: those in the API server's certificate.
    pub addresses: Vec<IpAddr>,
    /// Ranges of addresses: those of services and of pods.
    pub ranges: Vec<IpNet>,
}

impl Reserved {
    fn has_name(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let name = name.trim_end_matches('.');
        ALWAYS_RESERVED.contains(&name)
            || name.contains('*')
            || name.ends_with(".svc")
            || name.contains(".svc.")
            || self.names.iter().any(|it| it.eq_ignore_ascii_case(name))
    }

    fn has_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback()
            || address.is_unspecified()
            || address.is_multicast()
            || self.addresses.iter().any(|it| it.to_canonical() == address)
            || self.ranges.iter().any(|range| range.contains(&address))
    }
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
        queue_each(&self.requests, queue);
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
        plan(view, &self.reserved, key)
    }
}

/// Approves a request that is as it should be. Others wait for somebody who knows better.
pub fn plan(view: &View, reserved: &Reserved, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let is_right =
        |it: &CertificateSigningRequest| is_pending(it) && is_nodes_own(it, &view.nodes, reserved);
    if let Some(request) = view.requests.get(key).filter(|it| is_right(it)) {
        plan.then(approve(request, MESSAGE));
    }
    plan
}

fn is_nodes_own(
    request: &CertificateSigningRequest,
    nodes: &Snapshot<Node>,
    reserved: &Reserved,
) -> bool {
    let spec = &request.spec;
    let Ok(requested) = Requested::read(&spec.request.0) else {
        return false;
    };
    let usages = spec.usages.as_deref().unwrap_or_default();
    let asks = spec.username.as_deref().unwrap_or_default();
    let is_node = spec.groups.iter().flatten().any(|group| group == NODES);
    let named = asks.strip_prefix(NODE_PREFIX).filter(|_| is_node);
    let Some(own_name) = named else {
        return false;
    };
    let Some(node) = nodes.get(&ObjectKey::new("", own_name)) else {
        return false;
    };
    let is_named = |name: &String| {
        name.eq_ignore_ascii_case(own_name) && has_hostname(node, name) && !reserved.has_name(name)
    };
    let is_at = |&address: &IpAddr| {
        !reserved.has_address(address)
            && has_address(node, address)
            && first_at(nodes, address).is_some_and(|first| Arc::ptr_eq(first, node))
    };
    spec.signer_name == signers::KUBELET_SERVING
        && signers::check_kubelet_serving(&requested, usages).is_ok()
        && requested.common_name() == asks
        && requested.dns_names.iter().all(is_named)
        && requested.addresses.iter().all(is_at)
}

/// Of the nodes that say that they have an address, the one that is there for the longest time, by name among such: one that comes
/// later takes it from nobody.
fn first_at(nodes: &Snapshot<Node>, address: IpAddr) -> Option<&Arc<Node>> {
    let there = nodes.iter().filter(|node| has_address(node, address));
    // They come by name, and of equals the first is taken.
    there.min_by_key(|node| node.metadata.creation_timestamp.as_ref().map(|it| it.0))
}

fn addresses(node: &Node) -> &[NodeAddress] {
    let status = node.status.as_ref();
    status
        .and_then(|status| status.addresses.as_deref())
        .unwrap_or_default()
}

fn has_hostname(node: &Node, name: &str) -> bool {
    let mut all = addresses(node).iter();
    all.any(|it| it.type_ == "Hostname" && it.address.eq_ignore_ascii_case(name))
}

fn has_address(node: &Node, address: IpAddr) -> bool {
    let is_it = |text: &str| {
        let there = text.parse::<IpAddr>();
        there.is_ok_and(|there| there.to_canonical() == address.to_canonical())
    };
    let mut all = addresses(node).iter();
    all.any(|it| matches!(&*it.type_, "InternalIP" | "ExternalIP") && is_it(&it.address))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::APPROVED;
    use super::super::fixture::{Csr, csr, serving};
    use super::*;

    fn node(name: &str, address: &str) -> Node {
        created(name, address, "2026-01-01T00:00:00Z")
    }

    fn created(name: &str, address: &str, time: &str) -> Node {
        let addresses = json!([
            {"type": "Hostname", "address": name},
            {"type": "InternalIP", "address": address},
        ]);
        let node = json!({
            "metadata": {"name": name, "creationTimestamp": time},
            "status": {"addresses": addresses},
        });
        serde_json::from_value(node).unwrap()
    }

    fn reserved() -> Reserved {
        Reserved {
            names: vec!["API.example".to_owned()],
            addresses: vec![[192, 0, 2, 1].into()],
            ranges: vec!["10.96.0.0/16".parse().unwrap()],
        }
    }

    fn is_approved(request: Csr, nodes: &[Node]) -> bool {
        let request = request.made();
        let key = ObjectKey::of(&request.metadata);
        let view = View {
            requests: Snapshot::of([request], &[]),
            nodes: Snapshot::of(nodes.to_vec(), &[]),
        };
        let plan = plan(&view, &reserved(), &key);
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
    }

    #[test]
    fn of_several_at_an_address_the_first_has_it() {
        let other = |name: &str, time: &str| {
            let nodes = [node("n", "10.0.0.1"), created(name, "10.0.0.1", time)];
            is_approved(serving(), &nodes)
        };
        assert!(other("m", "2026-01-01T00:00:01Z"), "it came later");
        assert!(!other("z", "2025-12-31T23:59:59Z"), "it was there before");
        assert!(other("z", "2026-01-01T00:00:00Z"), "by name");
        assert!(!other("m", "2026-01-01T00:00:00Z"), "by name");
        let mapped = [
            node("n", "10.0.0.1"),
            created("m", "::ffff:10.0.0.1", "2025-12-31T23:59:59Z"),
        ];
        assert!(!is_approved(serving(), &mapped), "written otherwise");
    }

    #[test]
    fn no_node_gets_what_is_reserved() {
        let asks = |address: &str| {
            let request = csr()
                .signer(signers::KUBELET_SERVING)
                .usages(&["digital signature", "server auth"])
                .by("system:node:n")
                .groups(&["system:nodes"])
                .at(address);
            is_approved(request, &[node("n", address)])
        };
        for address in ["10.0.0.1", "192.0.2.2", "10.95.255.255", "2001:db8::1"] {
            assert!(asks(address), "{address}");
        }
        for address in [
            "10.96.0.1",
            "10.96.255.255",
            "192.0.2.1",
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.96.0.1",
        ] {
            assert!(!asks(address), "{address}");
        }
        for name in [
            "localhost",
            "Localhost.",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "web.ns.svc",
            "web.ns.svc.cluster.local",
            "*.example.com",
            "api.example",
        ] {
            assert!(reserved().has_name(name), "{name}");
        }
        for name in ["n", "n.example", "svc.example", "kubernetes.example"] {
            assert!(!reserved().has_name(name), "{name}");
        }
    }

    #[test]
    fn a_node_has_no_name_but_its_own() {
        let mut node = node("n", "10.0.0.1");
        let status = node.status.as_mut().unwrap();
        let more = json!([
            {"type": "Hostname", "address": "other.example"},
            {"type": "InternalDNS", "address": "inside.example"},
            {"type": "ExternalDNS", "address": "outside.example"},
        ]);
        let more: Vec<NodeAddress> = serde_json::from_value(more).unwrap();
        status.addresses.as_mut().unwrap().extend(more);
        let nodes = [node];
        assert!(is_approved(serving(), &nodes));
        for name in ["other.example", "inside.example", "outside.example"] {
            assert!(!is_approved(serving().named(name), &nodes), "{name}");
        }
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
