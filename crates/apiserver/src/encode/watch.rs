//! A watch in frames: one line of JSON an event, made once for all plain watchers.

use bytes::{Bytes, BytesMut};
use navarch_machinery::status::Result;
use navarch_store::Entry;

use super::{Tables, failure, object_bytes, partial};
use crate::limits::CHUNK;
use crate::registry::{Change, Feed};
use crate::request::accept::Shape;
use crate::served::Served;

/// The event's shared encodings: the whole object, and its metadata only.
const WHOLE: usize = 0;
const METADATA: usize = 1;

/// The frames of a batch, which is told from its end, up to a chunk; the rest of the batch stays for the next. `first`:
/// whether no table has been told yet.
pub(crate) fn frames(
    served: &Served,
    shape: Shape,
    tables: Tables,
    first: &mut bool,
    batch: &mut Vec<Feed>,
) -> Bytes {
    let mut told = Vec::with_capacity(batch.len());
    let mut length = 0;
    while length < CHUNK
        && let Some(feed) = batch.pop()
    {
        let frame = frame_of(served, shape, tables, first, feed);
        length += frame.len();
        told.push(frame);
    }
    // One alone is what all watchers share; more are copied once, into what holds just them.
    if let [_] = told.as_slice() {
        return told.swap_remove(0);
    }
    let mut chunk = BytesMut::with_capacity(length);
    for frame in &told {
        chunk.extend_from_slice(frame);
    }
    chunk.freeze()
}

fn frame_of(served: &Served, shape: Shape, tables: Tables, first: &mut bool, feed: Feed) -> Bytes {
    let (change, entry, event) = match feed {
        Feed::Change {
            change,
            entry,
            event,
        } => (change, entry, event),
        Feed::Bookmark { revision, initial } => {
            return frame("BOOKMARK", &bookmark(served, shape, revision, initial));
        }
        Feed::Failed(error) => return frame("ERROR", failure(&error).as_bytes()),
    };
    let is_first = std::mem::take(first);
    let made = || {
        object(served, shape, tables, is_first, &entry).map_or_else(
            |error| frame("ERROR", failure(&error).as_bytes()),
            |json| frame(change.as_str(), &json),
        )
    };
    let slot = if shape == Shape::Metadata {
        METADATA
    } else {
        WHOLE
    };
    match event.filter(|_| shape != Shape::Table && served.storage.is_none()) {
        Some(event) => event.frame(slot, made),
        None => made(),
    }
}

fn object(
    served: &Served,
    shape: Shape,
    tables: Tables,
    first: bool,
    entry: &Entry,
) -> Result<Bytes> {
    match shape {
        Shape::Plain => object_bytes(served, entry),
        Shape::Metadata => Ok(partial(&entry.value).into()),
        Shape::Table => tables.event(served, entry, first).map(Into::into),
    }
}

fn frame(kind: &str, object: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(object.len() + 32);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(object);
    out.extend_from_slice(b"}\n");
    out.into()
}

fn bookmark(served: &Served, shape: Shape, revision: u64, initial: bool) -> Vec<u8> {
    let (api_version, kind) = match shape {
        Shape::Table => return Tables::bookmark(served, revision),
        Shape::Metadata => ("meta.k8s.io/v1", "PartialObjectMetadata"),
        Shape::Plain => (&*served.api_version, &*served.def.kind),
    };
    let annotations = if initial {
        ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}"
    } else {
        ""
    };
    format!(
        "{{\"kind\":{kind:?},\"apiVersion\":{api_version:?},\"metadata\":{{\"resourceVersion\":\"{revision}\"{annotations}}}}}"
    )
    .into_bytes()
}

/// What a change is called; for callers in this process it is a variant and not a word.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
