//! What one subject is bound to: roles by place, and for each the bindings that give it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::binding::Binding;
use super::roles::RoleId;

/// The roles of a subject at one place. One that many bindings give is looked at once.
pub(super) type Granted = BTreeMap<RoleId, BTreeMap<Box<str>, Arc<Binding>>>;

/// Everything that a subject has.
#[derive(Debug, Default)]
pub(super) struct Bound {
    cluster: Granted,
    namespaces: HashMap<Box<str>, Granted>,
}

impl Bound {
    /// The roles that bindings of a namespace give there; of none: those that are given everywhere.
    pub(super) fn at(&self, namespace: &str) -> Option<&Granted> {
        match namespace {
            "" => Some(&self.cluster),
            namespace => self.namespaces.get(namespace),
        }
    }

    pub(super) fn add(&mut self, role: RoleId, binding: &Arc<Binding>) {
        let granted = match &*binding.namespace {
            "" => &mut self.cluster,
            namespace => self.namespaces.entry(namespace.into()).or_default(),
        };
        let bindings = granted.entry(role).or_default();
        bindings.insert(binding.name.clone(), binding.clone());
    }

    /// Answers whether nothing is left.
    pub(super) fn remove(&mut self, role: RoleId, binding: &Binding) -> bool {
        if binding.namespace.is_empty() {
            take(&mut self.cluster, role, &binding.name);
        } else if let Some(granted) = self.namespaces.get_mut(&binding.namespace) {
            take(granted, role, &binding.name);
            if granted.is_empty() {
                self.namespaces.remove(&binding.namespace);
            }
        }
        self.cluster.is_empty() && self.namespaces.is_empty()
    }
}

fn take(granted: &mut Granted, role: RoleId, name: &str) {
    if let Some(bindings) = granted.get_mut(&role) {
        bindings.remove(name);
        if bindings.is_empty() {
            granted.remove(&role);
        }
    }
}
