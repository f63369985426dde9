//! A watch in frames, a frame an event, made once for all plain watchers.

use bytes::{Bytes, BytesMut};
use navarch_machinery::protobuf::event_frame;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::Entry;

use super::{Tables, failure, object_bytes, partial, protobuf};
use crate::limits::CHUNK;
use crate::registry::{Change, Feed};
use crate::request::accept::{Accepted, Format, Shape};
use crate::served::Served;

/// How a watch's events are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frames {
    pub(crate) accepted: Accepted,
    pub(crate) tables: Tables,
}

impl Frames {
    /// The frames of a batch, which is told from its end, up to a chunk; the rest of the batch stays for the next. `first`:
    /// whether no table has been told yet.
    pub(crate) fn chunk(self, served: &Served, first: &mut bool, batch: &mut Vec<Feed>) -> Bytes {
        let mut told = Vec::with_capacity(batch.len());
        let mut length = 0;
        while length < CHUNK
            && let Some(feed) = batch.pop()
        {
            let frame = self.told(served, first, feed);
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

    fn told(self, served: &Served, first: &mut bool, feed: Feed) -> Bytes {
        let (change, entry, event) = match feed {
            Feed::Change {
                change,
                entry,
                event,
            } => (change, entry, event),
            Feed::Bookmark { revision, initial } => {
                return self.frame("BOOKMARK", &self.bookmark(served, revision, initial));
            }
            Feed::Failed(error) => return self.failed(&error),
        };
        let is_first = std::mem::take(first);
        let made = || self.change(served, change, &entry, is_first);
        let shared = event.filter(|_| served.storage.is_none());
        match (shared, self.slot()) {
            (Some(event), Some(slot)) => event.frame(slot, made),
            _ => made(),
        }
    }

    /// Which of an event's shared encodings it is: those of whole objects and those of metadata, in JSON and in protobuf.
    fn slot(self) -> Option<usize> {
        let of_format = match self.accepted.format {
            Format::Json => 0,
            Format::Protobuf => 2,
            Format::Yaml => return None,
        };
        match self.accepted.shape {
            Shape::Plain => Some(of_format),
            Shape::Metadata if self.accepted.meta == Accepted::JSON.meta => Some(of_format + 1),
            _ => None,
        }
    }

    fn change(self, served: &Served, change: Change, entry: &Entry, first: bool) -> Bytes {
        match self.object(served, entry, first) {
            Ok(json) => self.frame(change.as_str(), &json),
            Err(error) => self.failed(&error),
        }
    }

    fn object(self, served: &Served, entry: &Entry, first: bool) -> Result<Bytes> {
        match self.accepted.shape {
            // A list is nothing that an event could be made into; Kubernetes sends it as it is.
            Shape::Plain | Shape::MetadataList => object_bytes(served, entry),
            Shape::Metadata => Ok(partial(served, &entry.value, self.accepted.meta).into()),
            Shape::Table => self.tables.event(served, entry, first).map(Into::into),
        }
    }

    fn failed(self, error: &StatusError) -> Bytes {
        self.frame("ERROR", failure(error).as_bytes())
    }

    fn frame(self, kind: &str, json: &[u8]) -> Bytes {
        if self.accepted.format == Format::Protobuf {
            return match protobuf(json) {
                Ok(object) => event_frame(kind, &object).into(),
                // Every kind that is watched in protobuf has a type, and so has Status.
                Err(_) => Bytes::new(),
            };
        }
        let mut out = Vec::with_capacity(json.len() + 32);
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"object\":");
        out.extend_from_slice(json);
        out.extend_from_slice(b"}\n");
        out.into()
    }

    fn bookmark(self, served: &Served, revision: u64, initial: bool) -> Vec<u8> {
        let (api_version, kind) = match self.accepted.shape {
            Shape::Table => return self.tables.bookmark(served, revision),
            Shape::Metadata => (self.accepted.meta, "PartialObjectMetadata"),
            Shape::Plain | Shape::MetadataList => (&*served.api_version, &*served.def.kind),
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
}

/// What a change is called; for callers in this process it is a variant and not a word.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
