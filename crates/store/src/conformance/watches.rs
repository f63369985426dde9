//! Watches: order, no gap, compaction, progress.

use super::*;
use crate::Error;

/// Each change once, in order, wherever it starts.
pub async fn a_watch_begins_after_any_revision(store: Subject) {
    let mut lines = Vec::new();
    for n in 1..=20u64 {
        let key = format!("pods/{}", n % 3);
        let delete_it = n % 4 == 0 && store.snapshot().get(&key).is_some();
        let before = store.snapshot().get(&key);
        change(
            &store,
            vec![if delete_it {
                delete(&key)
            } else {
                put(&key, &n.to_string())
            }],
        )
        .await;
        lines.push(match before {
            Some(entry) if delete_it => {
                format!("-{key}={}@{n}", String::from_utf8_lossy(&entry.value))
            }
            _ => format!("+{key}={n}@{n}"),
        });
    }
    for after in 0..=20 {
        let mut watch = store.watch("pods/", after).unwrap();
        assert_eq!(watch.seen(), after);
        assert_eq!(
            until(&mut *watch, 20).await,
            lines[after as usize..],
            "after {after}"
        );
    }
}

/// And moves on over what is not its own.
pub async fn a_watch_sees_only_its_prefix(store: Subject) {
    let mut watch = store.watch("pods/x/", 0).unwrap();
    change(
        &store,
        vec![
            put("pods/w/a", "1"),
            put("pods/x/a", "1"),
            put("pods/x", "1"),
        ],
    )
    .await;
    change(&store, vec![put("services/x/a", "1")]).await;
    change(&store, vec![put("pods/y/a", "1")]).await;
    change(&store, vec![delete("pods/x/a")]).await;
    assert_eq!(
        until(&mut *watch, 4).await,
        ["+pods/x/a=1@1", "-pods/x/a=1@4"]
    );
    assert_eq!(watch.seen(), 4);
}

/// The version before comes with each event, so that a selector can tell what has left it.
pub async fn a_watch_tells_of_both_versions(store: Subject) {
    let mut watch = store.watch("pods/", 0).unwrap();
    change(&store, vec![put("pods/a", "1")]).await;
    change(&store, vec![put("pods/a", "2")]).await;
    change(
        &store,
        vec![Op::Delete {
            key: "pods/a".into(),
            last: Some(("v".into(), Some(1))),
        }],
    )
    .await;
    let mut pairs = Vec::new();
    while watch.progress() < 3 {
        for event in next(&mut *watch, 10).await.unwrap().0 {
            pairs.push((
                told(&event),
                event.previous.as_ref().map(|entry| text(entry)),
            ));
        }
    }
    let expected = [
        ("+pods/a=1@1", None),
        ("+pods/a=2@2", Some("pods/a=1@1")),
        ("-pods/a=v3@3", Some("pods/a=2@2")),
    ];
    assert_eq!(
        pairs,
        expected.map(|(line, previous)| (line.to_owned(), previous.map(str::to_owned)))
    );
}

/// A part may end within a transaction; then its revision has not been seen yet.
pub async fn a_watch_is_read_in_parts(store: Subject) {
    change(
        &store,
        (0..5).map(|n| put(&format!("pods/{n}"), "1")).collect(),
    )
    .await;
    change(
        &store,
        (0..2).map(|n| put(&format!("pods/{n}"), "2")).collect(),
    )
    .await;
    let mut watch = store.watch("pods/", 0).unwrap();
    let mut lines = Vec::new();
    for expected in [0, 0, 1, 2] {
        assert!(
            watch.progress() < 2,
            "progress must not pass what is outstanding"
        );
        let (events, seen) = next(&mut *watch, 2).await.unwrap();
        assert_eq!(seen, expected);
        lines.extend(events.iter().map(|event| told(event)));
    }
    assert_eq!(
        lines.join(" "),
        "+pods/0=1@1 +pods/1=1@1 +pods/2=1@1 +pods/3=1@1 +pods/4=1@1 +pods/0=2@2 +pods/1=2@2"
    );
    assert_eq!(watch.progress(), 2);
}

/// What is cancelled while it waits has lost nothing.
pub async fn a_waiting_watch_wakes(store: Subject) {
    let mut watch = store.watch("pods/", 0).unwrap();
    for _ in 0..3 {
        let mut events = Vec::new();
        let early =
            tokio::time::timeout(Duration::from_millis(5), watch.next(&mut events, 10)).await;
        assert!(early.is_err() && events.is_empty());
    }
    let (got, revision) = tokio::join!(next(&mut *watch, 10), async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        change(&store, vec![put("services/a", "1")]).await;
        change(&store, vec![put("pods/a", "1")]).await
    });
    let (events, seen) = got.unwrap();
    assert_eq!(
        (told(&events[0]), seen),
        (format!("+pods/a=1@{revision}"), revision)
    );
}

/// `Compacted`, not a gap; and again when it asks again.
pub async fn a_watch_that_fell_behind_is_told(store: Subject) {
    for n in 0..5 {
        change(&store, vec![put("pods/a", &n.to_string())]).await;
    }
    let mut watch = store.watch("pods/", 0).unwrap();
    next(&mut *watch, 2).await.unwrap();
    store.compact(4).await.unwrap();
    for _ in 0..2 {
        let result = next(&mut *watch, 2).await.map(drop);
        assert!(
            matches!(
                result,
                Err(Error::Compacted {
                    asked: 2,
                    oldest: 4
                })
            ),
            "{result:?}"
        );
    }
}

/// It has nothing to lose.
pub async fn a_watch_that_is_up_to_date_survives_compaction(store: Subject) {
    change(&store, vec![put("pods/a", "1")]).await;
    let mut idle = store.watch("services/", 0).unwrap();
    let mut watch = store.watch("pods/", 0).unwrap();
    next(&mut *watch, 10).await.unwrap();
    store.compact(1).await.unwrap();
    change(&store, vec![put("pods/a", "2"), put("services/a", "1")]).await;
    assert_eq!(
        told(&next(&mut *watch, 10).await.unwrap().0[0]),
        "+pods/a=2@2"
    );
    assert_eq!(
        told(&next(&mut *idle, 10).await.unwrap().0[0]),
        "+services/a=1@2"
    );
}

/// For bookmarks: in the own bucket, in others, and never past what has not been told.
pub async fn progress_moves_on_without_changes(store: Subject) {
    let mut watch = store.watch("pods/x/", 0).unwrap();
    assert_eq!(watch.progress(), 0);
    change(&store, vec![put("services/a", "1")]).await;
    assert_eq!((watch.seen(), watch.progress(), watch.seen()), (0, 1, 1));
    change(&store, vec![put("pods/y/a", "1")]).await;
    assert_eq!(watch.progress(), 2);
    change(&store, vec![put("pods/x/a", "1")]).await;
    change(&store, vec![put("services/a", "1")]).await;
    assert_eq!(watch.progress(), 2);
    assert_eq!(next(&mut *watch, 10).await.unwrap().1, 4);
}
