//! A number that tells whether all rows are there.

use crate::state::Batch;
use crate::{Entry, EventKind, Revision};

/// The sum of a hash of each row's key and revision: it changes with each write by what the write changes, and does not ask for
/// the order. It finds what is missing, left over or old, not what somebody made up; the values have checksums of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest(pub(super) u64);

impl Digest {
    /// With one more row.
    pub(super) fn with(self, entry: &Entry) -> Self {
        Self(self.0.wrapping_add(hash(&entry.key, entry.modified)))
    }

    fn without(self, entry: &Entry) -> Self {
        Self(self.0.wrapping_sub(hash(&entry.key, entry.modified)))
    }

    /// After a batch.
    pub(super) fn after(self, batch: &Batch) -> Self {
        batch.events.iter().fold(self, |digest, event| {
            let left = match &event.previous {
                Some(previous) => digest.without(previous),
                None => digest,
            };
            match event.kind {
                EventKind::Put => left.with(&event.entry),
                EventKind::Delete => left,
            }
        })
    }
}

/// FNV-1a of the key, mixed with the revision as splitmix64 does. It is on disk: it never changes.
fn hash(key: &str, revision: Revision) -> u64 {
    let key = key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = key ^ revision.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_what_it_was() {
        assert_ne!(hash("pods/a", 7), hash("pods/a", 8));
        assert_ne!(hash("pods/a", 7), hash("pods/b", 7));
        assert_eq!(hash("", 0), 17_665_956_581_633_026_203);
    }
}
