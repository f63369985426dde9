//! The graph as data: nodes by uid, and who depends on whom.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Node;

/// The graph at a moment.
#[derive(Debug, Default)]
pub struct State {
    nodes: HashMap<Arc<str>, Arc<Node>>,
    /// By the uid of an owner, whether that is there or not: the uids of those that name it.
    dependents: HashMap<Arc<str>, HashSet<Arc<str>>>,
}

impl State {
    /// An object.
    pub fn get(&self, uid: &str) -> Option<&Arc<Node>> {
        self.nodes.get(uid)
    }

    /// The objects that name `uid` as an owner.
    pub fn dependents<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Arc<Node>> {
        let uids = self.dependents.get(uid).into_iter().flatten();
        uids.filter_map(|uid| self.nodes.get(uid))
    }

    /// The objects that name `owner` as their owner and are right about it.
    pub fn true_dependents<'a>(&'a self, owner: &'a Node) -> impl Iterator<Item = &'a Arc<Node>> {
        self.dependents(&owner.uid).filter(|dependent| {
            let mut owners = dependent.owners.iter();
            owners.any(|named| owner.is_meant_by(named, dependent))
        })
    }

    /// All objects, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.values()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Puts an object in; answers what was there of it.
    pub fn put(&mut self, node: Arc<Node>) -> Option<Arc<Node>> {
        let old = self.remove(&node.uid);
        for owner in &node.owners {
            let dependents = self.dependents.entry(owner.uid.clone()).or_default();
            dependents.insert(node.uid.clone());
        }
        self.nodes.insert(node.uid.clone(), node);
        old
    }

    /// Takes an object out.
    pub fn remove(&mut self, uid: &str) -> Option<Arc<Node>> {
        let old = self.nodes.remove(uid)?;
        for owner in &old.owners {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
        Some(old)
    }

    /// The uids of a resource's objects that are not among `seen`.
    pub(super) fn others(
        &self,
        plural: &str,
        group: &str,
        seen: &HashSet<Arc<str>>,
    ) -> Vec<Arc<str>> {
        let of_kind = self
            .nodes
            .values()
            .filter(|node| node.kind.plural == plural && node.kind.group == group);
        of_kind
            .filter(|node| !seen.contains(&node.uid))
            .map(|node| node.uid.clone())
            .collect()
    }
}
