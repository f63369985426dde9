//! The roles and bindings of the cluster.

use std::sync::Arc;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use navarch_auth::rbac::{Binding, Rbac};
use navarch_machinery::object::Object;

use super::kept::{FromObjects, Place};
use crate::served::{Directory, Served};

/// They, found by subject.
#[derive(Debug, Default)]
pub(super) struct Roles(pub(super) Rbac);

impl Roles {
    pub(super) fn buckets(directory: &Directory) -> Vec<Arc<Served>> {
        let of = [
            directory.of::<ClusterRole>(),
            directory.of::<Role>(),
            directory.of::<ClusterRoleBinding>(),
            directory.of::<RoleBinding>(),
        ];
        of.into_iter().flatten().cloned().collect()
    }

    fn put_binding(&mut self, place: Place<'_>, binding: Option<Binding>) {
        match binding {
            Some(binding) => self.0.put_binding(binding),
            None => self.0.remove_binding(place.namespace, place.name),
        }
    }
}

impl FromObjects for Roles {
    fn put(&mut self, _: usize, place: Place<'_>, object: &dyn Object) {
        let object = object.as_any();
        let Place { namespace, name } = place;
        if let Some(role) = object.downcast_ref::<ClusterRole>() {
            let rules = role.rules.clone().unwrap_or_default();
            self.0.put_role("", name, rules);
        } else if let Some(role) = object.downcast_ref::<Role>() {
            let rules = role.rules.clone().unwrap_or_default();
            self.0.put_role(namespace, name, rules);
        } else if let Some(binding) = object.downcast_ref::<ClusterRoleBinding>() {
            self.put_binding(place, Binding::of_cluster(binding));
        } else if let Some(binding) = object.downcast_ref::<RoleBinding>() {
            self.put_binding(place, Binding::of_namespace(binding));
        }
    }

    fn remove(&mut self, bucket: usize, place: Place<'_>) {
        let Place { namespace, name } = place;
        // In the order of the buckets.
        match bucket {
            0 | 1 => self.0.remove_role(namespace, name),
            _ => self.0.remove_binding(namespace, name),
        }
    }
}
