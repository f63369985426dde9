//! What is kept under a key, and what a watch tells of it.

use std::any::Any;
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::Revision;

/// One version of one key. Shared by every reader; never changes.
pub struct Entry {
    /// The key: segments separated by `/`. The first segment is the bucket; watches never cross buckets.
    pub key: Arc<str>,
    /// The value, with its revision spliced in where the writer asked for it.
    pub value: Bytes,
    /// The revision that first wrote this key (since its last deletion).
    pub created: Revision,
    /// The revision that wrote this version.
    pub modified: Revision,
    decoded: Mutex<Option<Weak<dyn Any + Send + Sync>>>,
}

impl Entry {
    /// An entry as a backend makes it.
    pub fn new(key: Arc<str>, value: Bytes, created: Revision, modified: Revision) -> Self {
        Self {
            key,
            value,
            created,
            modified,
            decoded: Mutex::new(None),
        }
    }

    /// The decoded form of the value, if somebody holds one that is shared.
    pub fn held(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.decoded.lock().as_ref().and_then(Weak::upgrade)
    }

    /// The decoded form of the value, made by `decode` unless somebody still holds the one made before.
    ///
    /// The entry keeps only a weak reference: decoded forms live as long as a consumer wants them. But the room that they take is not
    /// given back before the entry goes, so this is for those who keep what they get.
    pub fn decoded<E>(
        &self,
        decode: impl FnOnce(&Bytes) -> std::result::Result<Arc<dyn Any + Send + Sync>, E>,
    ) -> std::result::Result<Arc<dyn Any + Send + Sync>, E> {
        let mut slot = self.decoded.lock();
        if let Some(kept) = slot.as_ref().and_then(Weak::upgrade) {
            return Ok(kept);
        }
        let made = decode(&self.value)?;
        *slot = Some(Arc::downgrade(&made));
        Ok(made)
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.key, self.modified)
    }
}

/// Whether a key was written or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The key was created or changed.
    Put,
    /// The key was deleted.
    Delete,
}

/// How many encodings of an event are kept.
const FRAMES: usize = 4;

/// Encodings of an event.
type Frames = [OnceLock<Bytes>; FRAMES];

/// One change of one key.
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The revision at which it happened.
    pub revision: Revision,
    /// The version after a put; after a delete the last version, its value stamped with the deleting revision.
    pub entry: Arc<Entry>,
    /// The version before, if there was one.
    pub previous: Option<Arc<Entry>>,
    /// Encodings of this event that are made once and shared by all watchers; see [`Event::frame`]. Most events of the history are never
    /// encoded, so the room for them comes with the first.
    frames: OnceLock<Box<Frames>>,
}

impl Event {
    /// An event as a backend makes it.
    pub fn new(
        kind: EventKind,
        revision: Revision,
        entry: Arc<Entry>,
        previous: Option<Arc<Entry>>,
    ) -> Self {
        Self {
            kind,
            revision,
            entry,
            previous,
            frames: OnceLock::new(),
        }
    }

    /// The encoding number `slot` (0 to 3) of this event, made by the first who asks. What a slot means is the caller's choice.
    pub fn frame(&self, slot: usize, encode: impl FnOnce() -> Bytes) -> Bytes {
        match self.frames.get_or_init(Box::default).get(slot) {
            Some(cell) => cell.get_or_init(encode).clone(),
            None => encode(),
        }
    }
}
