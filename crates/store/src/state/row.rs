//! An entry's revisions and its value in one buffer: what a backend that writes to disk writes of it, byte for byte. The entry's value is
//! a part of that buffer, so that neither the making of a row nor a database that keeps it in memory for a while costs a copy.
//!
//! The created and the modified revision (8 bytes each, big endian), then the value as readers see it. It is on disk: it never changes.

use bytes::{BufMut, Bytes, BytesMut};

use crate::Revision;

/// The bytes before the value.
const HEAD: usize = 16;

/// A row with a copy of `value`, the modified revision in its place. Always a copy of its own: a value that is a slice of a larger
/// buffer (a request's body) would keep all of that alive.
pub(crate) fn encode(
    value: &Bytes,
    stamp: Option<u32>,
    created: Revision,
    modified: Revision,
) -> Bytes {
    let split = stamp.and_then(|at| value.split_at_checked(at as usize));
    let digits = split.map(|_| modified.to_string()).unwrap_or_default();
    let (head, tail) = split.unwrap_or((&**value, &[]));
    let mut row = BytesMut::with_capacity(HEAD + value.len() + digits.len());
    row.put_u64(created);
    row.put_u64(modified);
    row.put_slice(head);
    row.put_slice(digits.as_bytes());
    row.put_slice(tail);
    row.freeze()
}

/// The value of a row.
pub(crate) fn value(row: &Bytes) -> Bytes {
    row.slice(HEAD.min(row.len())..)
}

/// The created and the modified revision and the value. `None`: it is too short.
pub(crate) fn decode(row: &[u8]) -> Option<(Revision, Revision, &[u8])> {
    let (created, rest) = row.split_first_chunk()?;
    let (modified, value) = rest.split_first_chunk()?;
    Some((
        Revision::from_be_bytes(*created),
        Revision::from_be_bytes(*modified),
        value,
    ))
}
