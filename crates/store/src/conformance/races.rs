//! Many at once.

use super::*;
use crate::Range;

/// Of those who change a key as of one revision, exactly one succeeds.
pub async fn one_of_many_writers_wins(store: Subject) {
    const WRITERS: u64 = 8;
    const ROUNDS: u64 = 25;
    change(&store, vec![put("pods/a", "0")]).await;
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let (mut won, mut expected) = (Vec::new(), 1);
                while won.len() < ROUNDS as usize {
                    let compare = vec![modified("pods/a", expected)];
                    match attempt(&store, compare, vec![put("pods/a", &writer.to_string())]).await {
                        TxnOutcome::Committed(done) => {
                            won.push((expected, done.revision));
                            expected = done.revision;
                        }
                        TxnOutcome::Failed(current) => expected = current.unwrap().modified,
                    }
                }
                won
            })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        won.extend(task.await.unwrap());
    }
    won.sort_unstable();
    let expected: Vec<_> = (1..=WRITERS * ROUNDS)
        .map(|revision| (revision, revision + 1))
        .collect();
    assert_eq!(won, expected);
}

/// Watchers that start at different times and read at different speeds all replay to the same list.
pub async fn no_watcher_misses_anything_under_load(store: Subject) {
    const WRITERS: u64 = 4;
    const ROUNDS: u64 = 50;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..ROUNDS {
                    change(
                        &store,
                        vec![put(&format!("pods/{}", n % 10), &format!("{writer}-{n}"))],
                    )
                    .await;
                }
            })
        })
        .collect();
    let watchers: Vec<_> = (0..16usize)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let start = store.snapshot();
                let mut watch = store.watch("pods/", start.revision()).unwrap();
                let mut expected = start.revision();
                while expected < WRITERS * ROUNDS {
                    for event in next(&mut *watch, 1 + number * 7 % 20).await.unwrap().0 {
                        expected += 1;
                        assert_eq!(event.revision, expected);
                        assert!(
                            store.snapshot().revision() >= expected,
                            "told before it can be read"
                        );
                    }
                }
            })
        })
        .collect();
    for task in writers.into_iter().chain(watchers) {
        task.await.unwrap();
    }
}

/// Two keys that are always written together are always read together.
pub async fn readers_never_see_half_a_transaction(store: Subject) {
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 0..100 {
                let value = n.to_string();
                change(
                    &store,
                    vec![put("pods/a", &value), put("services/a", &value)],
                )
                .await;
            }
        }
    });
    let mut last = 0;
    while !writer.is_finished() {
        let snapshot = store.snapshot();
        let values: Vec<_> = snapshot
            .range(&Range::default())
            .entries
            .iter()
            .map(|entry| (entry.value.clone(), entry.modified))
            .collect();
        assert!(
            values.is_empty() || values.len() == 2 && values[0] == values[1],
            "{values:?}"
        );
        assert!(
            values
                .iter()
                .all(|(_, modified)| *modified == snapshot.revision())
                && snapshot.revision() >= last
        );
        last = snapshot.revision();
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}
