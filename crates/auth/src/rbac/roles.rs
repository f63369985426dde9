//! The roles that are there or that bindings name, each at a place of its own.

use std::collections::HashMap;

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::compiled::Compiled;

/// Where a role is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RoleId(u32);

/// Namespace and name; in no namespace: a cluster role.
type Key = (Box<str>, Box<str>);

#[derive(Debug, Default)]
struct Slot {
    key: Key,
    /// `None`: there is no such role, but bindings name it.
    rules: Option<Compiled>,
    bindings: usize,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Roles {
    ids: HashMap<Key, RoleId>,
    slots: Vec<Slot>,
    free: Vec<RoleId>,
}

impl Roles {
    /// Puts a role in the place of what there was of it.
    pub(super) fn put(&mut self, namespace: &str, name: &str, rules: Vec<PolicyRule>) {
        let id = self.place(namespace, name);
        self.slots[id.0 as usize].rules = Some(Compiled::new(rules));
    }

    pub(super) fn remove(&mut self, namespace: &str, name: &str) {
        if let Some(&id) = self.ids.get(&(namespace.into(), name.into())) {
            self.slots[id.0 as usize].rules = None;
            self.tidy(id);
        }
    }

    /// The place of a role that a binding names, kept until as many bindings have let it go.
    pub(super) fn hold(&mut self, namespace: &str, name: &str) -> RoleId {
        let id = self.place(namespace, name);
        self.slots[id.0 as usize].bindings += 1;
        id
    }

    pub(super) fn release(&mut self, id: RoleId) {
        let slot = &mut self.slots[id.0 as usize];
        slot.bindings = slot.bindings.saturating_sub(1);
        self.tidy(id);
    }

    pub(super) fn rules(&self, id: RoleId) -> Option<&Compiled> {
        self.slots.get(id.0 as usize)?.rules.as_ref()
    }

    pub(super) fn find(&self, namespace: &str, name: &str) -> Option<&Compiled> {
        self.rules(*self.ids.get(&(namespace.into(), name.into()))?)
    }

    fn place(&mut self, namespace: &str, name: &str) -> RoleId {
        let key: Key = (namespace.into(), name.into());
        if let Some(&id) = self.ids.get(&key) {
            return id;
        }
        let slot = Slot {
            key: key.clone(),
            ..Slot::default()
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id.0 as usize] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                // There are not as many roles as that: each takes more than a byte of memory.
                RoleId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
            }
        };
        self.ids.insert(key, id);
        id
    }

    /// Gives the place free when neither the role is there nor a binding names it.
    fn tidy(&mut self, id: RoleId) {
        let slot = &mut self.slots[id.0 as usize];
        if slot.rules.is_none() && slot.bindings == 0 {
            let slot = std::mem::take(slot);
            self.ids.remove(&slot.key);
            self.free.push(id);
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.ids.len()
    }
}
