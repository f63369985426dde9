//! Who owns which field: `metadata.managedFields`, on every write.
//!
//! The rules are [`navarch_machinery::apply`]'s; here is what they are given: the versions of the object, who writes, and what a
//! write can reach. Managed fields live in the stored bytes only. The decoded objects that this process shares have none, so that
//! they cost no memory there, and a part that sends an object back as it got it leaves them as they are.
//!
//! A write from outside is its `fieldManager`'s, or that of the first word of the client's user agent, as `kubectl`. The parts of
//! this process write under the names that their like has in Kubernetes: see [`part_name`].

mod applied;
mod manager;
mod updated;
mod versions;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use navarch_machinery::apply::{self, Entry as Owner, decode};
use navarch_store::Entry;

use crate::encode::scan;

pub(crate) use applied::{Applying, Live, run};
pub(crate) use manager::{Writer, part_name};

use manager::MAX_MANAGER;

/// Longer names of subresources are refused, in bytes.
const MAX_SUBRESOURCE: usize = 256;

/// Whether validation must see the managers that a client states, because it will refuse one of them.
pub(crate) fn are_refused(given: &[ManagedFieldsEntry]) -> bool {
    given.iter().any(|entry| {
        let text = |text: &Option<String>, most: usize| {
            text.as_deref()
                .is_some_and(|text| text.len() > most || text.contains(char::is_control))
        };
        text(&entry.manager, MAX_MANAGER) || text(&entry.subresource, MAX_SUBRESOURCE)
    })
}

/// The managed fields of an object, as JSON. Empty where it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Managed(Vec<u8>);

impl Managed {
    /// Those of what is stored.
    pub(crate) fn of(entry: &Entry) -> Self {
        Self(scan::managed_fields(&entry.value).to_vec())
    }

    /// These.
    pub(crate) fn encoded(owners: Vec<Owner<'_>>) -> Self {
        Self(apply::encode(owners))
    }

    /// As they are stored.
    pub(crate) fn json(&self) -> &[u8] {
        &self.0
    }

    /// As they are in an object that is not stored.
    pub(crate) fn entries(&self) -> Option<Vec<ManagedFieldsEntry>> {
        serde_json::from_slice(&self.0).ok()
    }

    /// As the rules see them.
    pub(crate) fn owners(&self) -> Vec<Owner<'_>> {
        decode(&self.0).unwrap_or_default()
    }
}
