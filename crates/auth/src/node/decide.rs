//! Whether a node may, in Kubernetes' words.

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::graph::{Kind, NodeGraph};
use crate::rbac::allows;
use crate::{Attributes, Decision, Grounds};

const LEASES: &str = "kube-node-lease";
const OWN_VERBS: &[&str] = &["get", "create", "update", "patch", "delete"];

/// Whether the node of a name may. An empty name is of a node that does not tell it. `rules`: what every node may beside.
pub fn decide(
    graph: &NodeGraph,
    rules: &[PolicyRule],
    node: &str,
    asked: &Attributes<'_>,
) -> Decision {
    if node.is_empty() {
        return no("unknown node for user \"system:node:\"");
    }
    let ask = Ask { graph, node, asked };
    let own = match (asked.group, asked.resource) {
        _ if !asked.resource_request => None,
        ("", "secrets") => Some(ask.read(Kind::Secret)),
        ("", "configmaps") => Some(ask.read(Kind::ConfigMap)),
        ("", "persistentvolumeclaims") if asked.subresource == "status" => Some(ask.claim_status()),
        ("", "persistentvolumeclaims") => Some(ask.get(Kind::Claim)),
        ("", "persistentvolumes") => Some(ask.get(Kind::Volume)),
        ("resource.k8s.io", "resourceclaims") => Some(ask.get(Kind::ResourceClaim)),
        ("storage.k8s.io", "volumeattachments") => Some(ask.get(Kind::Attachment)),
        ("", "serviceaccounts") => Some(ask.service_account()),
        ("coordination.k8s.io", "leases") => Some(ask.lease()),
        ("storage.k8s.io", "csinodes") => Some(ask.csi_node()),
        ("resource.k8s.io", "resourceslices") => Some(ask.slice()),
        ("", "nodes") => Some(ask.own_object()),
        ("", "pods") => Some(ask.pod()),
        ("certificates.k8s.io", "podcertificaterequests") => Some(Decision::NONE),
        _ => None,
    };
    own.unwrap_or_else(|| allow_if(rules.iter().any(|rule| allows(rule, asked))))
}

fn yes() -> Decision {
    Decision::Allow(Grounds::Standing)
}

fn no(why: impl Into<String>) -> Decision {
    Decision::NoOpinion(why.into())
}

fn allow_if(is_so: bool) -> Decision {
    if is_so { yes() } else { Decision::NONE }
}

struct Ask<'a> {
    graph: &'a NodeGraph,
    node: &'a str,
    asked: &'a Attributes<'a>,
}

impl Ask<'_> {
    /// One object that the node's pods need.
    fn needed(&self, kind: Kind) -> Decision {
        let Attributes {
            namespace, name, ..
        } = *self.asked;
        if name.is_empty() {
            return no("No Object name found");
        }
        if self.graph.needs(self.node, kind, namespace, name) {
            return yes();
        }
        no(format!(
            "no relationship found between node '{}' and this object",
            self.node
        ))
    }

    fn get(&self, kind: Kind) -> Decision {
        match (self.asked.verb, self.asked.subresource) {
            ("get", "") => self.needed(kind),
            ("get", _) => no("cannot get subresource"),
            _ => no("can only get individual resources of this type"),
        }
    }

    /// By a list or a watch of that one object, too.
    fn read(&self, kind: Kind) -> Decision {
        if !matches!(self.asked.verb, "get" | "list" | "watch") {
            return no("can only read resources of this type");
        }
        if !self.asked.subresource.is_empty() {
            return no("cannot read subresource");
        }
        if self.asked.namespace.is_empty() {
            return no("can only read namespaced object of this type");
        }
        self.needed(kind)
    }

    fn claim_status(&self) -> Decision {
        match self.asked.verb {
            "update" | "patch" => self.needed(Kind::Claim),
            _ => no("can only get/update/patch this type"),
        }
    }

    fn service_account(&self) -> Decision {
        let asked = self.asked;
        if asked.verb == "get" && asked.subresource.is_empty() {
            return self.read(Kind::ServiceAccount);
        }
        if asked.verb != "create" || asked.name.is_empty() {
            return no("can only create tokens for individual service accounts");
        }
        if asked.subresource != "token" {
            return no("can only create token subresource of serviceaccount");
        }
        self.needed(Kind::ServiceAccount)
    }

    /// At its creation an object has no name in its path: admission looks at it then.
    fn is_own(&self) -> bool {
        self.asked.verb == "create" || self.asked.name == self.node
    }

    fn lease(&self) -> Decision {
        if !OWN_VERBS.contains(&self.asked.verb) {
            return no("can only get, create, update, patch, or delete a node lease");
        }
        if self.asked.namespace != LEASES {
            return no(format!(
                "can only access leases in the {LEASES:?} system namespace"
            ));
        }
        if !self.is_own() {
            return no("can only access node lease with the same name as the requesting node");
        }
        yes()
    }

    fn csi_node(&self) -> Decision {
        if !OWN_VERBS.contains(&self.asked.verb) {
            return no("can only get, create, update, patch, or delete a CSINode");
        }
        if !self.asked.subresource.is_empty() {
            return no("cannot authorize CSINode subresources");
        }
        if !self.is_own() {
            return no("can only access CSINode with the same name as the requesting node");
        }
        yes()
    }

    fn slice(&self) -> Decision {
        if !self.asked.subresource.is_empty() {
            return no("cannot authorize ResourceSlice subresources");
        }
        match self.asked.verb {
            "create" => yes(),
            "get" | "update" | "patch" | "delete" => self.needed(Kind::ResourceSlice),
            "watch" | "list" | "deletecollection" if self.selects("spec.nodeName") => yes(),
            "watch" | "list" | "deletecollection" => no(
                "can only list/watch/deletecollection resourceslices with nodeName field selector",
            ),
            _ => no(
                "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, \
                 deletecollection",
            ),
        }
    }

    /// Whether only what is this node's is asked for.
    fn selects(&self, field: &str) -> bool {
        self.asked.equal_fields.contains(&(field, self.node))
    }

    /// Writes are limited to its own object by admission.
    fn own_object(&self) -> Decision {
        let (node, name) = (self.node, self.asked.name);
        match (self.asked.subresource, self.asked.verb) {
            ("", "create" | "update" | "patch") | ("status", "update" | "patch") => yes(),
            ("", "get" | "list" | "watch") if name == node => yes(),
            ("", "get" | "list" | "watch") if name.is_empty() => no(format!(
                "node '{node}' cannot read all nodes, only its own Node object"
            )),
            ("", "get" | "list" | "watch") => no(format!(
                "node '{node}' cannot read '{name}', only its own Node object"
            )),
            _ => Decision::NONE,
        }
    }

    /// Writes are limited to its own pods by admission.
    fn pod(&self) -> Decision {
        match (self.asked.subresource, self.asked.verb) {
            ("", "get") => self.get(Kind::Pod),
            ("", "list" | "watch") if self.selects("spec.nodeName") => yes(),
            ("", "list" | "watch") if !self.asked.name.is_empty() => self.needed(Kind::Pod),
            ("", "list" | "watch") => {
                no("can only list/watch pods with spec.nodeName field selector")
            }
            ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => {
                yes()
            }
            _ => Decision::NONE,
        }
    }
}
