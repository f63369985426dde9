//! A role that a binding names and that is not there.

use super::binding::{Binding, RoleKind};

/// Which role is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Of which kind it would be.
    pub kind: RoleKind,
    /// Its name.
    pub name: String,
}

impl Missing {
    pub(super) fn of(binding: &Binding) -> Self {
        Self {
            kind: binding.role_kind,
            name: binding.role.clone().into(),
        }
    }

    /// As Kubernetes' authorizer says it, which looks into a cache.
    pub fn in_authorizer(&self) -> String {
        let resource = match self.kind {
            RoleKind::ClusterRole => "clusterrole",
            RoleKind::Role => "role",
        };
        format!(
            "{resource}.rbac.authorization.k8s.io {:?} not found",
            self.name
        )
    }

    /// As Kubernetes' registry says it to somebody who writes a role or a binding: it names the resource that is written.
    pub fn in_registry(&self, written: &str) -> String {
        format!(
            "{written}.rbac.authorization.k8s.io {:?} not found",
            self.name
        )
    }

    /// The plural of its kind.
    pub fn resource(&self) -> &'static str {
        match self.kind {
            RoleKind::ClusterRole => "clusterroles",
            RoleKind::Role => "roles",
        }
    }

    /// Several complaints as one, each told once: in brackets, unless it is a single one. `None`: there are none.
    pub fn told(complaints: impl IntoIterator<Item = String>) -> Option<String> {
        let mut told: Vec<String> = Vec::new();
        for complaint in complaints {
            if !told.contains(&complaint) {
                told.push(complaint);
            }
        }
        match told.len() {
            0 => None,
            1 => told.pop(),
            _ => Some(format!("[{}]", told.join(", "))),
        }
    }
}
