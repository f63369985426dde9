//! Who somebody is, as Kubernetes' `user.Info`.

use std::collections::BTreeMap;

/// The group of cluster administrators that no rule limits.
pub const MASTERS: &str = "system:masters";
/// The group of everybody who has proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who has not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group of nodes.
pub const NODES: &str = "system:nodes";
/// The scheduler.
pub const SCHEDULER: &str = "system:kube-scheduler";
/// The controllers where they are one: for their lease, and for what they look at together.
pub const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
/// The part of a node that sends traffic to services.
pub const SERVICE_PROXY: &str = "system:kube-proxy";
/// The namespace and name of the account that it has on nodes without the cluster's key.
pub const SERVICE_PROXY_ACCOUNT: (&str, &str) = ("kube-system", "kube-proxy");
/// The API server, as its own client.
pub const API_SERVER: &str = "system:apiserver";
/// The API server, as the nodes' client.
pub const KUBELET_CLIENT: &str = "kube-apiserver-kubelet-client";
/// What the names of nodes begin with.
const NODE_PREFIX: &str = "system:node:";
/// The name of everybody who has not.
pub const ANONYMOUS: &str = "system:anonymous";

/// An identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct UserInfo {
    /// As `alice` or `system:serviceaccount:default:builder`.
    pub name: String,
    /// Distinguishes two users of one name at different times; empty: none.
    pub uid: String,
    /// The groups, [`AUTHENTICATED`] included.
    pub groups: Vec<String>,
    /// What an authenticator knows beside.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// Somebody who has proved who they are.
    pub fn authenticated(
        name: impl Into<String>,
        groups: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut user = Self {
            name: name.into(),
            groups: groups.into_iter().collect(),
            ..Self::default()
        };
        if !user.in_group(AUTHENTICATED) {
            user.groups.push(AUTHENTICATED.to_owned());
        }
        user
    }

    /// A service account, in the groups that it is in.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let groups = [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
        ];
        Self::authenticated(format!("system:serviceaccount:{namespace}:{name}"), groups)
    }

    /// A node.
    pub fn node(name: &str) -> Self {
        Self::authenticated(format!("{NODE_PREFIX}{name}"), [NODES.to_owned()])
    }

    /// The name of the node that this is; empty where it is one, but tells no name. `None`: it is no node.
    pub fn node_name(&self) -> Option<&str> {
        if !self.in_group(NODES) {
            return None;
        }
        self.name.strip_prefix(NODE_PREFIX)
    }

    /// Somebody who has not.
    pub fn anonymous() -> Self {
        Self {
            name: ANONYMOUS.into(),
            groups: vec![UNAUTHENTICATED.into()],
            ..Self::default()
        }
    }

    /// Whether they are a member.
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}
