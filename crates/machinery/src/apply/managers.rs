//! The list of managers: who is merged when there are too many.

use super::entry::Entry;

/// So many managers that update an object are told apart.
pub const MAX_UPDATE_MANAGERS: usize = 10;

/// Who owns what managers owned that are no longer told apart.
pub const OTHERS: &str = "ancient-changes";

/// Who owned what was there before anybody applied.
pub(super) const BEFORE_APPLY: &str = "before-first-apply";

/// Merges the managers that have not updated for longest until there are not too many. Those of different versions stay apart.
pub(super) fn cap(entries: &mut Vec<Entry<'_>>) {
    let mut updaters: Vec<usize> = (0..entries.len())
        .filter(|at| !entries[*at].applied)
        .collect();
    let Some(mut surplus) = updaters.len().checked_sub(MAX_UPDATE_MANAGERS) else {
        return;
    };
    updaters.sort_by(|a, b| {
        let (a, b) = (&entries[*a], &entries[*b]);
        (&a.time, &a.manager, &a.api_version).cmp(&(&b.time, &b.manager, &b.api_version))
    });
    // For each version who takes the others' fields: at first the oldest itself, once another joined it the bucket.
    let mut buckets: Vec<usize> = Vec::new();
    let mut merged = Vec::new();
    for at in updaters {
        if surplus == 0 {
            break;
        }
        let version = entries[at].api_version.clone();
        match buckets
            .iter()
            .find(|bucket| entries[**bucket].api_version == version)
        {
            None => buckets.push(at),
            Some(bucket) => {
                let bucket = *bucket;
                let (fields, time) = (
                    std::mem::take(&mut entries[at].fields),
                    entries[at].time.clone(),
                );
                let into = &mut entries[bucket];
                into.fields = std::mem::take(&mut into.fields).union(fields);
                into.time = time;
                into.manager = OTHERS.into();
                into.subresource = "".into();
                merged.push(at);
                surplus -= 1;
            }
        }
    }
    let mut at = 0;
    entries.retain(|_| {
        at += 1;
        !merged.contains(&(at - 1))
    });
}
