//! The files of a volume.

use std::collections::BTreeMap;

/// More than the largest volume that Kubernetes' objects make, twice: while it is written anew both forms are there.
pub(super) const MAX_VOLUME: u64 = 64 << 20;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
    /// Whom it belongs to, if not root.
    pub(super) owner: Option<u32>,
}

/// Files by their paths in the volume.
pub(super) type Payload = BTreeMap<String, File>;
