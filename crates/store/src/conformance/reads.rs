//! Snapshots, ranges, pages.

use super::*;
use crate::{Page, Range, Snapshot};

fn names(page: &Page) -> String {
    page.entries
        .iter()
        .map(|entry| entry.key.rsplit('/').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ")
}

fn page(snapshot: &dyn Snapshot, prefix: &str, after: Option<&str>, limit: usize) -> Page {
    snapshot.range(&Range {
        prefix: prefix.into(),
        after: after.map(str::to_owned),
        limit,
    })
}

/// Limits, continuation and what remains.
pub async fn keys_come_in_pages(store: Subject) {
    for name in ["d", "b", "e", "a", "c"] {
        change(&store, vec![put(&format!("pods/x/{name}"), "1")]).await;
    }
    change(&store, vec![put("pods/w/z", "1"), put("pods/y/a", "1")]).await;
    let snapshot = store.snapshot();
    let pages = [
        (None, 0, "a b c d e", 0),
        (None, 2, "a b", 3),
        (Some("pods/x/b"), 2, "c d", 1),
        (Some("pods/x/bb"), 2, "c d", 1),
        (Some("pods/x/d"), 2, "e", 0),
        (Some("pods/x/e"), 2, "", 0),
        (Some("pods/x/"), 5, "a b c d e", 0),
        (Some("pods/a/zz"), 1, "a", 4),
        (Some("pods/y/a"), 1, "", 0),
        (Some("zebra"), 1, "", 0),
    ];
    for (after, limit, expected, remaining) in pages {
        let page = page(&*snapshot, "pods/x/", after, limit);
        assert_eq!(
            (names(&page).as_str(), page.remaining),
            (expected, remaining),
            "{after:?} {limit}"
        );
        assert_eq!(
            (page.more, page.revision),
            (remaining > 0, snapshot.revision())
        );
    }
}

/// A prefix is text, not a path; nothing beside it is counted.
pub async fn prefixes_end_where_they_end(store: Subject) {
    let keys = [
        "pods/a",
        "pods/a-b",
        "pods/a/1",
        "pods/a/2",
        "pods/a0",
        "pods0/a",
        "pods/ä",
        "pods/\u{10ffff}",
    ];
    change(&store, keys.map(|key| put(key, "1")).to_vec()).await;
    let snapshot = store.snapshot();
    for prefix in [
        "",
        "pods/",
        "pods/a/",
        "pods/a",
        "pods",
        "pods/ä",
        "pods/\u{10ffff}",
        "q",
        "pods/a/3",
    ] {
        let expected = keys.iter().filter(|key| key.starts_with(prefix)).count();
        assert_eq!(snapshot.count(prefix), expected, "{prefix}");
        assert_eq!(
            page(&*snapshot, prefix, None, 0).entries.len(),
            expected,
            "{prefix}"
        );
    }
}

/// In order, after a key, until the visitor has had enough.
pub async fn a_scan_ends_when_told(store: Subject) {
    change(
        &store,
        ["pods/a", "pods/b", "pods/c", "pods/d", "q/a"]
            .map(|key| put(key, "1"))
            .to_vec(),
    )
    .await;
    let snapshot = store.snapshot();
    let scan = |after, end: &str| {
        let mut seen = String::new();
        snapshot.scan("pods/", after, &mut |entry| {
            seen.push_str(&entry.key[5..]);
            &*entry.key != end
        });
        seen
    };
    assert_eq!(scan(None, "pods/b"), "ab");
    assert_eq!(scan(Some("pods/a"), "pods/c"), "bc");
    assert_eq!(scan(Some("pods/a"), ""), "bcd");
}

/// However much is written after it was taken.
pub async fn a_snapshot_does_not_change(store: Subject) {
    let revision = change(&store, vec![put("pods/a", "1"), put("pods/b", "1")]).await;
    let snapshot = store.snapshot();
    for n in 0..100 {
        change(
            &store,
            vec![
                put("pods/a", "2"),
                delete("pods/b"),
                put(&format!("pods/c{n}"), "1"),
            ],
        )
        .await;
    }
    assert_eq!(
        (snapshot.revision(), snapshot.count("pods/")),
        (revision, 2)
    );
    assert_eq!(
        text(&snapshot.get("pods/a").unwrap()),
        format!("pods/a=1@{revision}")
    );
    assert!(snapshot.get("pods/b").is_some() && snapshot.get("pods/c1").is_none());
    assert_eq!(store.snapshot().count("pods/"), 101);
}
