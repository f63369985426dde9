//! The roles and bindings that a cluster begins with, and what is to be done so that they are there.
//!
//! They are those of Kubernetes 1.36: `kubernetes-1.36.policy` is the table. `navarch.policy` is what Navarch has beside.

mod parse;
mod reconcile;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};

pub use parse::PolicyError;
pub use reconcile::{BindingLike, Reconciled, RoleLike, reconcile_binding, reconcile_role};

/// On a role or binding: whether it is put right at every start. `"false"`: it is left alone.
pub const AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
/// What a part of the role X is labelled with: this, and X.
pub const AGGREGATE_TO: &str = "rbac.authorization.k8s.io/aggregate-to-";
/// The role of nodes. It is bound to nobody: the node authorizer gives each node of it what its pods need.
pub const NODE_ROLE: &str = "system:node";

const TABLE: &str = include_str!("kubernetes-1.36.policy");
const OWN: &str = include_str!("navarch.policy");

/// Roles and bindings.
#[derive(Debug, Default)]
pub struct Policy {
    /// Of the cluster, in the order in which they are made.
    pub cluster_roles: Vec<ClusterRole>,
    /// Of the cluster.
    pub cluster_role_bindings: Vec<ClusterRoleBinding>,
    /// In namespaces.
    pub roles: Vec<Role>,
    /// In namespaces.
    pub role_bindings: Vec<RoleBinding>,
}

impl Policy {
    /// The policy that a cluster begins with. Errors: a line of the table that cannot be read; a test reads them all.
    pub fn bootstrap() -> Result<Self, PolicyError> {
        parse::parse(TABLE)
    }

    /// What Navarch has beside. Errors: as [`Policy::bootstrap`].
    pub fn own() -> Result<Self, PolicyError> {
        parse::parse(OWN)
    }

    /// What a cluster role of it allows; nothing if it has no such role.
    pub fn rules_of(&self, name: &str) -> &[PolicyRule] {
        let mut roles = self.cluster_roles.iter();
        let role = roles.find(|role| role.metadata.name.as_deref() == Some(name));
        let rules = role.and_then(|role| role.rules.as_deref());
        rules.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
