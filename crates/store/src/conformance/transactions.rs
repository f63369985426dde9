//! Conditions, changes, stamps.

use super::*;
use crate::Error;

/// All conditions must hold; the first that does not is reported, against the newest state.
pub async fn conditions_are_checked_in_order(store: Subject) {
    let one = change(&store, vec![put("pods/a", "1")]).await;
    let two = change(&store, vec![put("pods/b", "1")]).await;
    assert_eq!(
        refused(attempt(&store, vec![absent("pods/a")], vec![put("pods/a", "2")]).await),
        Some(one)
    );
    assert_eq!(
        refused(
            attempt(
                &store,
                vec![modified("pods/c", 1)],
                vec![put("pods/c", "2")]
            )
            .await
        ),
        None
    );
    let both = vec![modified("pods/a", one), modified("pods/b", one)];
    assert_eq!(
        refused(attempt(&store, both, vec![put("pods/a", "2")]).await),
        Some(two)
    );
    let both = vec![absent("pods/c"), modified("pods/b", two)];
    let three = committed(attempt(&store, both, vec![put("pods/b", "2")]).await).revision;
    assert!(three > two && two > one && one > 0);
    assert_eq!(
        refused(
            attempt(
                &store,
                vec![modified("pods/b", two)],
                vec![put("pods/b", "3")]
            )
            .await
        ),
        Some(three)
    );
}

/// Neither keys nor revision move.
pub async fn a_refused_transaction_changes_nothing(store: Subject) {
    let revision = change(&store, vec![put("pods/a", "1")]).await;
    refused(
        attempt(
            &store,
            vec![absent("pods/a")],
            vec![put("pods/b", "1"), delete("pods/a")],
        )
        .await,
    );
    let snapshot = store.snapshot();
    assert_eq!((snapshot.revision(), snapshot.count("")), (revision, 1));
    assert_eq!(store.status().keys, 1);
}

/// The changes of one transaction share a revision, in the order in which they were asked for.
pub async fn a_transaction_has_one_revision(store: Subject) {
    change(&store, vec![put("pods/old", "1")]).await;
    let ops = vec![
        put("pods/a", "1"),
        put("services/a", "1"),
        delete("pods/old"),
        put("pods/a", "2"),
    ];
    let done = committed(attempt(&store, vec![], ops).await);
    let entries: Vec<_> = done
        .entries
        .iter()
        .map(|entry| text(entry.as_ref().unwrap()))
        .collect();
    let r = done.revision;
    let expected = [
        format!("pods/a=1@{r}"),
        format!("services/a=1@{r}"),
        format!("pods/old=1@{}", r - 1),
        format!("pods/a=2@{r}"),
    ];
    assert_eq!(entries, expected);
    let snapshot = store.snapshot();
    assert_eq!((snapshot.revision(), snapshot.count("")), (r, 2));
    assert_eq!(
        text(&snapshot.get("pods/a").unwrap()),
        format!("pods/a=2@{r}")
    );
    assert_eq!(snapshot.get("pods/a").unwrap().created, r);
}

/// Deleting what is not there is no change.
pub async fn a_transaction_without_effect_takes_no_revision(store: Subject) {
    let revision = change(&store, vec![put("pods/a", "1")]).await;
    let done = committed(attempt(&store, vec![absent("pods/b")], vec![delete("pods/b")]).await);
    assert_eq!(done.revision, revision);
    assert!(done.entries.len() == 1 && done.entries[0].is_none());
    assert_eq!(
        committed(attempt(&store, vec![], vec![]).await).revision,
        revision
    );
    assert_eq!(change(&store, vec![put("pods/b", "1")]).await, revision + 1);
}

/// As the writer gave it, or as it was; and a key that is made anew has a new beginning.
pub async fn a_deletion_answers_with_the_last_version(store: Subject) {
    let born = change(&store, vec![put("pods/a", "1"), put("pods/b", "1")]).await;
    let last = Op::Delete {
        key: "pods/a".into(),
        last: Some(("v:".into(), Some(2))),
    };
    let done = committed(attempt(&store, vec![], vec![last, delete("pods/b")]).await);
    let entry = done.entries[0].as_ref().unwrap();
    assert_eq!(text(entry), format!("pods/a=v:{0}@{0}", done.revision));
    assert_eq!(entry.created, born);
    assert_eq!(
        text(done.entries[1].as_ref().unwrap()),
        format!("pods/b=1@{born}")
    );
    assert_eq!(store.snapshot().count(""), 0);
    let again = change(&store, vec![put("pods/a", "2")]).await;
    assert_eq!(store.snapshot().get("pods/a").unwrap().created, again);
    let later = change(&store, vec![put("pods/a", "3")]).await;
    let entry = store.snapshot().get("pods/a").unwrap();
    assert_eq!((entry.created, entry.modified), (again, later));
}

/// At the start, in the middle, at the end, and not at all.
pub async fn the_revision_is_spliced_in(store: Subject) {
    for (stamp, expected) in [
        (Some(0), "@<>"),
        (Some(1), "<@>"),
        (Some(2), "<>@"),
        (None, "<>"),
    ] {
        let op = Op::Put {
            key: "pods/a".into(),
            value: "<>".into(),
            stamp,
        };
        let revision = change(&store, vec![op]).await;
        let entry = store.snapshot().get("pods/a").unwrap();
        assert_eq!(
            &entry.value[..],
            expected.replace('@', &revision.to_string()).as_bytes()
        );
    }
}

/// Keys, values, operations, and stamps behind the end. What comes after is not hurt.
pub async fn what_is_too_large_is_refused(store: Subject) {
    let long = "x".repeat(crate::MAX_KEY + 1);
    let large = "x".repeat(crate::MAX_TRANSACTION + 1);
    let beyond = Op::Put {
        key: "pods/a".into(),
        value: "v".into(),
        stamp: Some(2),
    };
    let many = vec![put("pods/a", "1"); crate::MAX_OPS + 1];
    for ops in [
        vec![put(&long, "1")],
        vec![put("pods/a", &large)],
        vec![beyond],
        many,
    ] {
        let outcome = store
            .commit(Transaction {
                compare: vec![],
                ops,
            })
            .await;
        assert!(matches!(outcome, Err(Error::TooLarge(_))), "{outcome:?}");
    }
    assert_eq!(store.status().revision, 0);
    assert_eq!(change(&store, vec![put("pods/a", "1")]).await, 1);
}
