//! One moment of the map.

use std::ops::Bound;
use std::sync::Arc;

use crate::{Entry, Page, Range, Revision, Snapshot};

/// The persistent map: a clone costs one reference count, a change copies a few nodes.
pub(crate) type Map = imbl::OrdMap<Arc<str>, Arc<Entry>>;

/// The keys of one moment.
#[derive(Clone, Default)]
pub(crate) struct View {
    pub(crate) map: Map,
    pub(crate) revision: Revision,
}

impl View {
    /// The entries under `prefix` after `after`, in order.
    fn between<'a>(
        &'a self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<Entry>> + use<'a> {
        let end = prefix_end(prefix);
        let lower = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let upper = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let empty = matches!((after, &end), (Some(after), Some(end)) if after >= end.as_str());
        (!empty)
            .then(|| self.map.range::<_, str>((lower, upper)))
            .into_iter()
            .flatten()
            .map(|(_, entry)| entry)
    }
}

impl Snapshot for View {
    fn revision(&self) -> Revision {
        self.revision
    }

    fn get(&self, key: &str) -> Option<Arc<Entry>> {
        self.map.get(key).cloned()
    }

    fn range(&self, range: &Range) -> Page {
        let limit = if range.limit == 0 {
            usize::MAX
        } else {
            range.limit
        };
        let mut rest = self.between(&range.prefix, range.after.as_deref());
        let entries: Vec<_> = rest.by_ref().take(limit).cloned().collect();
        let remaining = rest.count();
        Page {
            revision: self.revision,
            entries,
            more: remaining > 0,
            remaining,
        }
    }

    fn scan(&self, prefix: &str, after: Option<&str>, visit: &mut dyn FnMut(&Arc<Entry>) -> bool) {
        for entry in self.between(prefix, after) {
            if !visit(entry) {
                break;
            }
        }
    }

    fn count(&self, prefix: &str) -> usize {
        if prefix.is_empty() {
            self.map.len()
        } else {
            self.between(prefix, None).count()
        }
    }
}

/// The smallest string that is greater than everything that begins with `prefix`; `None`: there is none.
fn prefix_end(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let mut next = (last..=char::MAX).skip(1);
        if let Some(next) = next.next() {
            end.push(next);
            return Some(end);
        }
    }
    None
}
