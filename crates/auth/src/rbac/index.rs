//! The roles and bindings of a cluster, kept so that a decision is a look-up.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::binding::{Binding, BindingSubject, RoleKind};
use super::bound::Bound;
use super::roles::{RoleId, Roles};
use crate::UserInfo;

/// Namespace and name of a binding.
type Place = (Box<str>, Box<str>);

/// All roles and bindings. It is changed by the events of their objects, in any order: a binding may come before its role.
#[derive(Debug, Default)]
pub struct Rbac {
    pub(super) roles: Roles,
    users: HashMap<Box<str>, Bound>,
    groups: HashMap<Box<str>, Bound>,
    bindings: HashMap<Place, (RoleId, Arc<Binding>)>,
}

impl Rbac {
    /// Puts a role in the place of the one of that name. In no namespace it is a cluster role.
    pub fn put_role(&mut self, namespace: &str, name: &str, rules: Vec<PolicyRule>) {
        self.roles.put(namespace, name, rules);
    }

    /// Forgets a role. Its bindings stay.
    pub fn remove_role(&mut self, namespace: &str, name: &str) {
        self.roles.remove(namespace, name);
    }

    /// Puts a binding in the place of the one of that name.
    pub fn put_binding(&mut self, binding: Binding) {
        self.remove_binding(&binding.namespace, &binding.name);
        let binding = Arc::new(binding);
        let role = self.roles.hold(binding.role_namespace(), &binding.role);
        for subject in &binding.subjects {
            if let Some((subjects, name)) = self.subjects(subject) {
                let bound = subjects.entry(name.into()).or_default();
                bound.add(role, &binding);
            }
        }
        let key = (binding.namespace.clone(), binding.name.clone());
        self.bindings.insert(key, (role, binding));
    }

    /// Forgets a binding.
    pub fn remove_binding(&mut self, namespace: &str, name: &str) {
        let key = (namespace.into(), name.into());
        let Some((role, binding)) = self.bindings.remove(&key) else {
            return;
        };
        for subject in &binding.subjects {
            if let Some((subjects, name)) = self.subjects(subject)
                && let Some(bound) = subjects.get_mut(name)
                && bound.remove(role, &binding)
            {
                subjects.remove(name);
            }
        }
        self.roles.release(role);
    }

    /// The rules of a role as a binding in `namespace` names it. `None`: there is no such role.
    pub fn role_rules(&self, kind: RoleKind, namespace: &str, name: &str) -> Option<&[PolicyRule]> {
        let namespace = match kind {
            RoleKind::ClusterRole => "",
            RoleKind::Role => namespace,
        };
        self.roles.find(namespace, name).map(|role| role.rules())
    }

    /// How much is kept: roles that are there or named, and subjects.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.roles.held() + self.users.len() + self.groups.len() + self.bindings.len()
    }

    /// Where a subject is kept, and by which name.
    fn subjects<'a>(
        &mut self,
        subject: &'a BindingSubject,
    ) -> Option<(&mut HashMap<Box<str>, Bound>, &'a str)> {
        match subject {
            BindingSubject::User(name) | BindingSubject::Account { user: name, .. } => {
                Some((&mut self.users, name))
            }
            BindingSubject::Group(name) => Some((&mut self.groups, name)),
            BindingSubject::Nobody => None,
        }
    }

    /// What the user has by their name and by each of their groups.
    pub(super) fn bound<'a>(&'a self, user: &'a UserInfo) -> impl Iterator<Item = &'a Bound> {
        let groups = user.groups.iter();
        let groups = groups.filter_map(|group| self.groups.get(group.as_str()));
        self.users.get(user.name.as_str()).into_iter().chain(groups)
    }
}
