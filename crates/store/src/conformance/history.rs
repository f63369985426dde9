//! Reads of the past and of the future.

use super::*;
use crate::{Error, Range, Snapshot};

fn all(snapshot: &dyn Snapshot) -> Vec<String> {
    snapshot
        .range(&Range::default())
        .entries
        .iter()
        .map(|entry| text(entry))
        .collect()
}

/// As it was, whatever has been written, deleted and made anew since.
pub async fn every_revision_can_be_read(store: Subject) {
    let mut states = vec![all(&*store.snapshot())];
    for n in 0..60u32 {
        let key = |step: u32| {
            format!(
                "{}/{}",
                if n % 2 == 0 { "pods" } else { "services" },
                n * step % 7
            )
        };
        let ops = match n % 5 {
            0 => vec![put(&key(1), "a"), put(&key(1), "b"), put("leases/x", "1")],
            1 => vec![put(&key(3), "c"), delete(&key(1)), put("leases/new", "1")],
            2 => vec![delete(&key(3)), put(&key(3), "d"), delete("leases/new")],
            _ => vec![put(&key(2), "e")],
        };
        assert_eq!(change(&store, ops).await, states.len() as u64);
        states.push(all(&*store.snapshot()));
    }
    for (revision, state) in states.iter().enumerate() {
        let snapshot = store.snapshot_at(revision as u64).unwrap();
        assert_eq!(snapshot.revision(), revision as u64);
        assert_eq!(&all(&*snapshot), state, "at revision {revision}");
        let within = store.snapshot_within("pods/", revision as u64).unwrap();
        let pods = within.range(&Range {
            prefix: "pods/".into(),
            ..Range::default()
        });
        let pods: Vec<_> = pods.entries.iter().map(|entry| text(entry)).collect();
        let expected: Vec<_> = state
            .iter()
            .filter(|line| line.starts_with("pods/"))
            .cloned()
            .collect();
        assert_eq!((pods, within.revision()), (expected, revision as u64));
    }
}

/// What lies at the floor can be read and watched from; what lies before it is gone, and stays gone.
pub async fn compaction_hides_the_past(store: Subject) {
    for n in 0..10 {
        change(&store, vec![put("pods/a", &n.to_string())]).await;
    }
    store.compact(6).await.unwrap();
    store.compact(4).await.unwrap();
    assert_eq!(store.status().compacted, 6);
    let expected = |result: Result<()>| {
        assert!(
            matches!(
                result,
                Err(Error::Compacted {
                    asked: 5,
                    oldest: 6
                })
            ),
            "{result:?}"
        );
    };
    expected(store.snapshot_at(5).map(drop));
    expected(store.snapshot_within("pods/", 5).map(drop));
    expected(store.watch("pods/", 5).map(drop));
    expected(store.watch("never-written/", 5).map(drop));
    assert_eq!(all(&*store.snapshot_at(6).unwrap()), ["pods/a=5@6"]);
    assert_eq!(
        until(&mut *store.watch("pods/", 6).unwrap(), 10)
            .await
            .len(),
        4
    );
    store.compact(10).await.unwrap();
    assert_eq!(all(&*store.snapshot_at(10).unwrap()), ["pods/a=9@10"]);
    assert_eq!(change(&store, vec![put("pods/a", "x")]).await, 11);
    assert_eq!(all(&*store.snapshot_at(10).unwrap()), ["pods/a=9@10"]);
}

/// Nothing of it can be read, watched or compacted.
pub async fn the_future_is_refused(store: Subject) {
    let revision = change(&store, vec![put("pods/a", "1")]).await;
    let asked = revision + 1;
    let expected = |result: Result<()>| {
        let Err(Error::Future { asked: a, current }) = result else {
            panic!("{result:?}")
        };
        assert_eq!((a, current), (asked, revision));
    };
    expected(store.snapshot_at(asked).map(drop));
    expected(store.snapshot_within("pods/", asked).map(drop));
    expected(store.watch("pods/", asked).map(drop));
    expected(store.compact(asked).await);
}

/// Not longer than it must, and not shorter.
pub async fn reached_waits(store: Subject) {
    store.reached(0).await.unwrap();
    change(&store, vec![put("pods/a", "1")]).await;
    store.reached(1).await.unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move {
            store.reached(3).await.unwrap();
            store.snapshot().revision()
        }
    });
    change(&store, vec![put("pods/a", "2")]).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished(), "revision 3 is not there yet");
    change(&store, vec![put("pods/a", "3")]).await;
    assert!(
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap()
            .unwrap()
            >= 3
    );
}
