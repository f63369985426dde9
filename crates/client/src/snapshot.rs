//! The objects of a kind at one moment, with indices.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};
use navarch_machinery::object::Typed;

use crate::ObjectKey;

/// An index: its name, and under which values an object is found.
pub struct Index<T> {
    /// As it is asked for.
    pub name: &'static str,
    /// The values of an object.
    pub values: fn(&T) -> Vec<String>,
}

impl<T> Clone for Index<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Index<T> {}

impl<T: Typed> Index<T> {
    /// Objects by the uid of their controlling owner.
    pub const CONTROLLER: Self = Self {
        name: "controller",
        values: |object| {
            let owners = object
                .metadata()
                .owner_references
                .as_deref()
                .unwrap_or_default();
            owners
                .iter()
                .filter(|o| o.controller == Some(true))
                .map(|o| o.uid.clone())
                .collect()
        },
    };
    /// Objects by the uid of every owner.
    pub const OWNER: Self = Self {
        name: "owner",
        values: |object| {
            let owners = object
                .metadata()
                .owner_references
                .as_deref()
                .unwrap_or_default();
            owners.iter().map(|o| o.uid.clone()).collect()
        },
    };
}

/// Immutable; costs nothing to clone; shares its objects with every other consumer.
pub struct Snapshot<T> {
    objects: OrdMap<ObjectKey, Arc<T>>,
    indices: BTreeMap<&'static str, HashMap<String, OrdSet<ObjectKey>>>,
    /// The revision up to which it is complete.
    pub(crate) revision: u64,
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self {
            objects: self.objects.clone(),
            indices: self.indices.clone(),
            revision: self.revision,
        }
    }
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self {
            objects: OrdMap::new(),
            indices: BTreeMap::new(),
            revision: 0,
        }
    }
}

impl<T: Typed> Snapshot<T> {
    /// A snapshot of these objects, for plans under test.
    pub fn of(objects: impl IntoIterator<Item = T>, indices: &[Index<T>]) -> Self {
        let mut snapshot = Self::default();
        for object in objects {
            snapshot.insert(Arc::new(object), indices);
        }
        snapshot
    }

    /// The revision up to which it is complete.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// One object.
    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<T>> {
        self.objects.get(key)
    }

    /// All objects, by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.objects.iter().map(|(_, object)| object)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    /// The objects of a namespace, by name.
    pub fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Arc<T>> {
        let first = ObjectKey::new(namespace, "");
        self.objects
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |(key, _)| &*key.namespace == namespace)
            .map(|(_, object)| object)
    }

    /// The objects that an index has under `value`, by namespace and name.
    pub fn by_index<'a>(
        &'a self,
        index: Index<T>,
        value: &str,
    ) -> impl Iterator<Item = &'a Arc<T>> {
        let keys = self
            .indices
            .get(index.name)
            .and_then(|values| values.get(value));
        keys.into_iter()
            .flatten()
            .filter_map(|key| self.objects.get(key))
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    pub(crate) fn insert(&mut self, object: Arc<T>, indices: &[Index<T>]) -> Option<Arc<T>> {
        let key = ObjectKey::of(object.metadata());
        let old = self.remove(&key, indices);
        for index in indices {
            let values = self.indices.entry(index.name).or_default();
            for value in (index.values)(&object) {
                values.entry(value).or_default().insert(key.clone());
            }
        }
        self.objects.insert(key, object);
        old
    }

    pub(crate) fn remove(&mut self, key: &ObjectKey, indices: &[Index<T>]) -> Option<Arc<T>> {
        let old = self.objects.remove(key)?;
        for index in indices {
            let Some(values) = self.indices.get_mut(index.name) else {
                continue;
            };
            for value in (index.values)(&old) {
                let Some(keys) = values.get_mut(&value) else {
                    continue;
                };
                keys.remove(key);
                if keys.is_empty() {
                    values.remove(&value);
                }
            }
        }
        Some(old)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

    use super::*;

    fn owned(namespace: &str, name: &str, owner: &str) -> ConfigMap {
        let owner = OwnerReference {
            uid: owner.into(),
            controller: Some(true),
            ..Default::default()
        };
        let metadata = ObjectMeta {
            namespace: Some(namespace.into()),
            name: Some(name.into()),
            owner_references: Some(vec![owner]),
            ..Default::default()
        };
        ConfigMap {
            metadata,
            ..Default::default()
        }
    }

    fn names<'a>(found: impl Iterator<Item = &'a Arc<ConfigMap>>) -> Vec<String> {
        found.filter_map(|o| o.metadata.name.clone()).collect()
    }

    #[test]
    fn a_namespace_is_a_range() {
        let s = Snapshot::of(
            [
                owned("b", "1", "x"),
                owned("a", "2", "x"),
                owned("ab", "3", "x"),
                owned("a", "1", "y"),
            ],
            &[],
        );
        assert_eq!(names(s.in_namespace("a")), ["1", "2"]);
        assert_eq!(names(s.in_namespace("")), Vec::<String>::new());
    }

    #[test]
    fn an_index_follows_changes_and_older_snapshots_stay() {
        let indices = [Index::CONTROLLER];
        let before = Snapshot::of([owned("a", "1", "x"), owned("a", "2", "x")], &indices);
        let mut after = before.clone();
        after.insert(Arc::new(owned("a", "1", "y")), &indices);
        after.remove(&ObjectKey::new("a", "2"), &indices);
        assert_eq!(names(before.by_index(Index::CONTROLLER, "x")), ["1", "2"]);
        assert_eq!(
            names(after.by_index(Index::CONTROLLER, "x")),
            Vec::<String>::new()
        );
        assert_eq!(names(after.by_index(Index::CONTROLLER, "y")), ["1"]);
    }
}
