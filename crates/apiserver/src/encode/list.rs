//! A list in chunks, made as the client takes them.

use bytes::Bytes;

use crate::limits::CHUNK;
use crate::reply::List;
use crate::served::Served;

/// How the items of a list look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Items {
    /// As they are stored, without apiVersion and kind: the list's kind tells them.
    Plain,
    /// `PartialObjectMetadata`, of that version of `meta.k8s.io`.
    Metadata(&'static str),
}

/// The chunks of a list.
pub(crate) struct ListChunks {
    list: List,
    items: Items,
    head: Vec<u8>,
    end: &'static [u8],
    next: usize,
    ended: bool,
}

impl ListChunks {
    pub(crate) fn new(list: List, items: Items) -> Self {
        let served = &list.served;
        let (api_version, kind) = match items {
            Items::Plain => (&*served.api_version, &*served.def.list_kind),
            Items::Metadata(meta) => (meta, "PartialObjectMetadataList"),
        };
        // Kubernetes makes a list of metadata of what it finds, and of nothing none.
        let none = items != Items::Plain && list.entries.is_empty();
        let head = format!(
            "{{\"kind\":{kind:?},\"apiVersion\":{api_version:?},\"metadata\":{},\"items\":{}",
            list_meta(list.revision, &list.continue_token, list.remaining),
            if none { "null" } else { "[" }
        );
        Self {
            head: head.into_bytes(),
            end: if none { b"}" } else { b"]}" },
            list,
            items,
            next: 0,
            ended: false,
        }
    }

    /// The length of all chunks together, where it is known without making them.
    pub(crate) fn total(&self) -> Option<u64> {
        let served = &self.list.served;
        if self.items != Items::Plain || served.storage.is_some() {
            return None;
        }
        let skipped = served.head.len() - 1;
        let items: usize = self
            .list
            .entries
            .iter()
            .map(|entry| entry.value.len() - skipped + 1)
            .sum();
        let commas = usize::from(!self.list.entries.is_empty());
        u64::try_from(self.head.len() + items - commas + 2).ok()
    }

    fn item(&self, at: usize, out: &mut Vec<u8>) {
        let served = &self.list.served;
        let entry = &self.list.entries[at];
        match self.items {
            Items::Plain => {
                // An object of another storage kind that cannot be read as this one has nothing to show.
                if let Ok(json) = super::object_bytes(served, entry) {
                    out.extend_from_slice(b"{");
                    out.extend_from_slice(without_type(served, &json));
                }
            }
            Items::Metadata(meta) => {
                out.extend_from_slice(&super::partial(served, &entry.value, meta));
            }
        }
    }
}

/// An object from behind its apiVersion and kind on.
fn without_type<'a>(served: &Served, json: &'a [u8]) -> &'a [u8] {
    json.strip_prefix(served.head.as_bytes())
        .unwrap_or_else(|| json.get(1..).unwrap_or_default())
}

impl Iterator for ListChunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut out = std::mem::take(&mut self.head);
        out.reserve(CHUNK);
        while self.next < self.list.entries.len() && out.len() < CHUNK {
            if self.next > 0 {
                out.push(b',');
            }
            self.item(self.next, &mut out);
            self.next += 1;
        }
        if self.next == self.list.entries.len() {
            out.extend_from_slice(self.end);
            self.ended = true;
        }
        Some(out.into())
    }
}

/// A list's metadata; nothing for revision 0, that of what is in no store.
pub(crate) fn list_meta(revision: u64, continue_token: &str, remaining: Option<i64>) -> String {
    if revision == 0 {
        return "{}".into();
    }
    let mut meta = format!("{{\"resourceVersion\":\"{revision}\"");
    if !continue_token.is_empty() {
        meta.push_str(&format!(",\"continue\":{continue_token:?}"));
        if let Some(remaining) = remaining {
            meta.push_str(&format!(",\"remainingItemCount\":{remaining}"));
        }
    }
    meta.push('}');
    meta
}
