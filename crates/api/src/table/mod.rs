//! The resource table: every resource there is, by path and by kind. [`builtin`] is what this program comes with.

mod builtin;
mod row;

use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;

use crate::def::{ResourceDef, Text};

/// All resources in the order of discovery.
#[derive(Debug, Clone, Default)]
pub struct Table {
    groups: IndexMap<Text, Group>,
}

/// An API group. Its first version is the preferred one.
#[derive(Debug, Clone, Default)]
pub struct Group {
    versions: IndexMap<Text, Version>,
}

/// A version of a group.
#[derive(Debug, Clone, Default)]
pub struct Version {
    resources: IndexMap<Text, Arc<ResourceDef>>,
    kinds: IndexMap<Text, Arc<ResourceDef>>,
}

impl Table {
    /// A table of these rows. Groups and versions are in the order of their first row, resources in alphabetical order.
    pub fn new(rows: impl IntoIterator<Item = ResourceDef>) -> Self {
        let mut table = Self::default();
        for row in rows {
            table.insert(row);
        }
        table
    }

    /// The row of the scale of whatever has one, which is at no address of its own.
    pub fn scale() -> ResourceDef {
        row::Row::of::<k8s_openapi::api::autoscaling::v1::Scale>().done()
    }

    /// The row of what is asked of a pod's eviction.
    pub fn eviction() -> ResourceDef {
        row::Row::of::<k8s_openapi::api::policy::v1::Eviction>().done()
    }

    /// The row of what is asked of a service account's token.
    pub fn token_request() -> ResourceDef {
        row::Row::of::<k8s_openapi::api::authentication::v1::TokenRequest>().done()
    }

    /// Adds a row, or replaces the one at its address.
    pub fn insert(&mut self, row: ResourceDef) {
        let row = Arc::new(row);
        let group = self.groups.entry(row.group.clone()).or_default();
        let version = group.versions.entry(row.version.clone()).or_default();
        version.kinds.insert(row.kind.clone(), Arc::clone(&row));
        version.resources.insert(row.plural.clone(), row);
        version.resources.sort_unstable_keys();
    }

    /// Takes a row out, and with the last one of them its version and its group.
    pub fn remove(&mut self, group: &str, version: &str, plural: &str) -> Option<Arc<ResourceDef>> {
        let versions = &mut self.groups.get_mut(group)?.versions;
        let held = versions.get_mut(version)?;
        let row = held.resources.shift_remove(plural)?;
        held.kinds.shift_remove(&row.kind);
        if held.resources.is_empty() {
            versions.shift_remove(version);
        }
        if versions.is_empty() {
            self.groups.shift_remove(group);
        }
        Some(row)
    }

    /// The resource at `/apis/GROUP/VERSION/PLURAL`; the core group is the empty one.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<ResourceDef>> {
        self.version(group, version)?.resources.get(plural)
    }

    /// The resource whose objects are of this kind.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<ResourceDef>> {
        self.version(group, version)?.kinds.get(kind)
    }

    /// A version of a group.
    pub fn version(&self, group: &str, version: &str) -> Option<&Version> {
        self.groups.get(group)?.versions.get(version)
    }

    /// A group.
    pub fn group(&self, group: &str) -> Option<&Group> {
        self.groups.get(group)
    }

    /// All groups with their names, in the order of discovery; the core group has the empty name.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.groups
            .iter()
            .map(|(name, group)| (name.as_ref(), group))
    }

    /// All rows, in the order of discovery.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<ResourceDef>> {
        self.groups
            .values()
            .flat_map(|group| group.versions.values())
            .flat_map(|version| version.resources.values())
    }
}

impl Group {
    /// The preferred version. Empty only in a group without versions, which a table does not hold.
    pub fn preferred_version(&self) -> &str {
        self.versions
            .keys()
            .next()
            .map(AsRef::as_ref)
            .unwrap_or_default()
    }

    /// All versions with their names, the preferred one first.
    pub fn versions(&self) -> impl Iterator<Item = (&str, &Version)> {
        self.versions
            .iter()
            .map(|(name, version)| (name.as_ref(), version))
    }
}

impl Version {
    /// Its resources in alphabetical order.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<ResourceDef>> {
        self.resources.values()
    }
}

/// The resources that this program comes with.
pub fn builtin() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(builtin::rows()));
    &TABLE
}
