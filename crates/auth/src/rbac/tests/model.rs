//! The same by a scan of everything, as Kubernetes does it: slow, and plain to see right.

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::rbac::{Binding, BindingSubject, RoleKind, allows};
use crate::{Attributes, UserInfo};

#[derive(Debug, Default)]
pub(super) struct Model {
    /// Namespace, name, rules.
    roles: Vec<(String, String, Vec<PolicyRule>)>,
    bindings: Vec<Binding>,
}

impl Model {
    pub(super) fn put_role(&mut self, namespace: &str, name: &str, rules: Vec<PolicyRule>) {
        self.remove_role(namespace, name);
        self.roles.push((namespace.into(), name.into(), rules));
    }

    pub(super) fn remove_role(&mut self, namespace: &str, name: &str) {
        self.roles
            .retain(|role| (role.0.as_str(), role.1.as_str()) != (namespace, name));
    }

    pub(super) fn put_binding(&mut self, binding: Binding) {
        self.remove_binding(&binding.namespace, &binding.name);
        self.bindings.push(binding);
    }

    pub(super) fn remove_binding(&mut self, namespace: &str, name: &str) {
        self.bindings
            .retain(|it| (&*it.namespace, &*it.name) != (namespace, name));
    }

    /// Every reason there is to say yes, and every role that is missed.
    pub(super) fn decide(
        &self,
        user: &UserInfo,
        attributes: &Attributes<'_>,
    ) -> (Vec<String>, usize) {
        let (mut reasons, mut missing) = (Vec::new(), 0);
        for binding in &self.bindings {
            let here = binding.namespace.is_empty() || *binding.namespace == *attributes.namespace;
            let subject = binding.subjects.iter().position(|subject| match subject {
                BindingSubject::User(name) | BindingSubject::Account { user: name, .. } => {
                    **name == *user.name
                }
                BindingSubject::Group(name) => user.in_group(name),
                BindingSubject::Nobody => false,
            });
            let (true, Some(subject)) = (here, subject) else {
                continue;
            };
            let namespace = match binding.role_kind {
                RoleKind::ClusterRole => "",
                RoleKind::Role => &*binding.namespace,
            };
            let role = self
                .roles
                .iter()
                .find(|role| (role.0.as_str(), role.1.as_str()) == (namespace, &*binding.role));
            match role {
                None => missing += 1,
                Some(role) if role.2.iter().any(|rule| allows(rule, attributes)) => {
                    reasons.push(format!("RBAC: allowed by {}", binding.described(subject)));
                }
                Some(_) => {}
            }
        }
        (reasons, missing)
    }
}
