use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::failure::Failure;
use super::retention::Retention;
use crate::state::{Batch, View};
use crate::{AtRest, Embedded, Error, Op, Opened, Options, Plain, Store, Transaction};

fn open(dir: &Path) -> Result<(Disk, View), Failure> {
    Disk::open(dir, Arc::new(Plain))
}

fn put(key: &str) -> Transaction {
    Transaction {
        compare: vec![],
        ops: vec![Op::Put {
            key: key.into(),
            value: "v".into(),
            stamp: None,
        }],
    }
}

#[test]
fn history_is_due_after_its_time_and_not_before() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut retention = Retention::new(Duration::from_secs(160));
    assert_eq!(
        (retention.deadline(), retention.due(at(1000))),
        (None, None)
    );
    retention.committed(at(0), 1);
    retention.committed(at(9), 5);
    retention.committed(at(11), 6);
    assert_eq!(retention.deadline(), Some(at(170)));
    assert_eq!(retention.due(at(169)), None);
    assert_eq!(retention.due(at(170)), Some(5));
    assert_eq!(retention.due(at(170)), None);
    retention.committed(at(175), 7);
    assert_eq!(retention.due(at(1000)), Some(7));
    assert_eq!(retention.deadline(), None);
}

#[tokio::test]
async fn an_idle_store_forgets_history_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        retention: Some(Duration::from_millis(80)),
        ..Options::default()
    };
    let store = Embedded::open(dir.path(), options).unwrap();
    store.commit(put("pods/a")).await.unwrap();
    assert!(store.snapshot_at(0).is_ok());
    let patience = Instant::now() + Duration::from_secs(10);
    while store.status().compacted < 1 {
        assert!(Instant::now() < patience, "history was never forgotten");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(matches!(
        store.snapshot_at(0).err(),
        Some(Error::Compacted {
            asked: 0,
            oldest: 1
        })
    ));
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_and_loses_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(
        Embedded::open(
            dir.path(),
            Options {
                queue: 2,
                ..Options::default()
            },
        )
        .unwrap(),
    );
    let mut all = tokio::task::JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        all.spawn(async move { store.commit(put(["pods/a", "pods/b"][n % 2])).await });
    }
    while let Some(outcome) = all.join_next().await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(store.status().revision, 200);
}

fn batch(view: &View, key: &str) -> Batch {
    let mut batch = Batch::on(view);
    batch.stage(put(key));
    batch
}

fn applied(batch: Batch) -> View {
    View {
        map: batch.map,
        revision: batch.revision,
    }
}

#[test]
fn after_a_failure_the_disk_goes_on_where_memory_is_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, empty) = open(dir.path()).unwrap();
    let first = batch(&empty, "pods/a");
    disk.write(&first).unwrap();
    let first = applied(first);

    disk.fail();
    let second = batch(&first, "pods/b");
    disk.write(&second).unwrap();

    disk.fail();
    let unknowing = batch(&first, "pods/c");
    let failure = disk.write(&unknowing).unwrap_err();
    assert!(
        matches!(failure, Failure::Diverged { disk: 2, memory: 1 }),
        "{failure}"
    );
    disk.write(&batch(&applied(second), "pods/c")).unwrap();
    drop(disk);
    let (_, view) = open(dir.path()).unwrap();
    assert_eq!((view.revision, view.map.len()), (3, 3));
}

#[test]
fn a_store_of_another_layout_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, empty) = open(dir.path()).unwrap();
    disk.write(&batch(&empty, "pods/a")).unwrap();
    disk.put_raw(b"r", &[9, 0, 0]);
    drop(disk);
    assert!(matches!(open(dir.path()).err(), Some(Failure::Format(9))));

    let dir = tempfile::tempdir().unwrap();
    let (mut disk, empty) = open(dir.path()).unwrap();
    disk.write(&batch(&empty, "pods/a")).unwrap();
    disk.put_raw(b"epods/b", &[0; 15]);
    drop(disk);
    let failure = open(dir.path()).err().unwrap();
    assert!(
        failure
            .to_string()
            .contains("the row of pods/b is too short"),
        "{failure}"
    );
}

/// Nobody waits for an answer that does not come, nobody watches what no longer changes, and who runs the store is told.
#[tokio::test]
async fn a_panic_of_the_writer_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, view) = open(dir.path()).unwrap();
    disk.break_it();
    let store = Embedded::start(disk, view, dir.path().to_owned(), Options::default()).unwrap();
    let mut watch = store.watch("pods/", 0).unwrap();
    assert!(matches!(
        store.commit(put("pods/a")).await,
        Err(Error::Closed)
    ));
    store.failed().await;
    assert!(matches!(
        watch.next(&mut vec![], 1).await,
        Err(Error::Closed)
    ));
    assert!(matches!(
        store.commit(put("pods/b")).await,
        Err(Error::Closed)
    ));
    drop(store);
    assert_eq!(open(dir.path()).unwrap().1.revision, 0);
}

#[tokio::test]
async fn a_store_that_works_has_not_failed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), Options::default()).unwrap();
    store.commit(put("pods/a")).await.unwrap();
    let failed = tokio::time::timeout(Duration::from_millis(20), store.failed());
    assert!(failed.await.is_err());
}

/// A row that is missing, left over or older than what was written with the newest revision.
#[test]
fn rows_that_are_not_those_that_were_written_are_refused() {
    let written = |rows: &[(&[u8], &[u8])]| {
        let dir = tempfile::tempdir().unwrap();
        let (mut disk, empty) = open(dir.path()).unwrap();
        let mut first = batch(&empty, "pods/a");
        first.stage(put("pods/b"));
        disk.write(&first).unwrap();
        for (key, value) in rows {
            disk.put_raw(key, value);
        }
        drop(disk);
        let opened = open(dir.path()).err();
        std::fs::remove_file(dir.path().join("acknowledged")).unwrap();
        assert!(open(dir.path()).is_ok());
        opened
    };
    assert!(written(&[]).is_none());
    let mut row = [0; 17];
    row[7] = 1;
    row[15] = 1;
    for key in ["epods/b", "epods/c"] {
        let failure = written(&[(key.as_bytes(), &row)]);
        assert!(
            matches!(failure, Some(Failure::Incomplete { revision: 2, .. })),
            "{failure:?}"
        );
    }
}

/// Whoever runs the store is told to start it again.
#[tokio::test]
async fn a_disk_that_has_more_than_memory_ends_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, empty) = open(dir.path()).unwrap();
    disk.write(&batch(&empty, "pods/a")).unwrap();
    disk.fail();
    let store = Embedded::start(disk, empty, dir.path().to_owned(), Options::default()).unwrap();
    assert!(store.commit(put("pods/b")).await.is_err());
    store.failed().await;
    drop(store);
    assert_eq!(open(dir.path()).unwrap().1.revision, 1);
}

#[tokio::test]
async fn a_store_from_before_there_were_digests_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, empty) = open(dir.path()).unwrap();
    disk.write(&batch(&empty, "pods/a")).unwrap();
    disk.put_raw(b"r", &[1, 0, 0, 0, 0, 0, 0, 0, 1]);
    drop(disk);
    std::fs::remove_file(dir.path().join("acknowledged")).unwrap();
    for key in ["pods/b", "pods/c"] {
        let store = Embedded::open(dir.path(), Options::default()).unwrap();
        store.commit(put(key)).await.unwrap();
    }
    let (_, view) = open(dir.path()).unwrap();
    assert_eq!((view.revision, view.map.len()), (3, 3));
}

/// As a kill leaves it while the database is made for the first time.
#[test]
fn a_beginning_that_was_interrupted_is_made_again_if_nothing_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let rows = dir.path().join("rows");
    std::fs::create_dir(&rows).unwrap();
    std::fs::write(rows.join("0.jnl"), [0; 4096]).unwrap();
    let (mut disk, empty) = open(dir.path()).unwrap();
    disk.write(&batch(&empty, "pods/a")).unwrap();
    drop(disk);

    std::fs::remove_file(dir.path().join("acknowledged")).unwrap();
    std::fs::remove_file(rows.join("version")).unwrap();
    let journal = std::fs::read(rows.join("0.jnl")).unwrap();
    assert!(open(dir.path()).is_err());
    assert!(std::fs::read(rows.join("0.jnl")).unwrap() == journal);
}

/// Every byte exclusive-ored with a number, behind a word that says so; `stale` is what was written with another.
struct Masked(u8);

impl AtRest for Masked {
    fn description(&self) -> String {
        format!("masked with {}", self.0)
    }

    fn seal(&self, _: &str, value: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let masked = value.iter().map(|byte| byte ^ self.0);
        Ok(Some([b'#', self.0].into_iter().chain(masked).collect()))
    }

    fn open(&self, key: &str, written: &[u8]) -> Result<Opened, String> {
        match written {
            [b'#', 99, ..] => Err(format!("99 is not known for {key}")),
            [b'#', mask, masked @ ..] => Ok(Opened {
                value: Some(masked.iter().map(|byte| byte ^ mask).collect()),
                stale: *mask != self.0,
            }),
            _ => Ok(Opened {
                value: None,
                stale: true,
            }),
        }
    }
}

/// Whether the bytes are in any file below a directory.
fn lies_in(dir: &Path, bytes: &[u8]) -> bool {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return lies_in(&path, bytes);
        }
        let file = std::fs::read(path).unwrap();
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

const SECRET: &str = "only for those who may read it";

async fn put_secret(store: &Embedded, key: &str) {
    let op = Op::Put {
        key: key.into(),
        value: SECRET.into(),
        stamp: None,
    };
    let ops = vec![op];
    let transaction = Transaction {
        compare: vec![],
        ops,
    };
    store.commit(transaction).await.unwrap();
}

fn secret(store: &Embedded, key: &str) -> (bytes::Bytes, u64, u64) {
    let entry = store.snapshot().get(key).unwrap();
    (entry.value.clone(), entry.created, entry.modified)
}

#[tokio::test]
async fn sealed_values_are_nowhere_on_disk_and_all_there_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let open = |mask| {
        Embedded::open_at_rest(dir.path(), Options::default(), Arc::new(Masked(mask))).unwrap()
    };
    let store = open(7);
    put_secret(&store, "secrets/a").await;
    assert_eq!(secret(&store, "secrets/a").0, SECRET);
    drop(store);
    assert!(!lies_in(dir.path(), SECRET.as_bytes()));
    let store = open(7);
    assert_eq!(secret(&store, "secrets/a"), (SECRET.into(), 1, 1));
}

#[tokio::test]
async fn what_lies_in_another_way_is_written_anew_when_the_store_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), Options::default()).unwrap();
    for n in 0..300 {
        put_secret(&store, &format!("secrets/{n}")).await;
    }
    drop(store);
    assert!(lies_in(dir.path(), SECRET.as_bytes()));
    for mask in [7, 8] {
        let sealing = Arc::new(Masked(mask));
        let store = Embedded::open_at_rest(dir.path(), Options::default(), sealing).unwrap();
        assert_eq!(secret(&store, "secrets/0"), (SECRET.into(), 1, 1));
        assert_eq!(secret(&store, "secrets/299"), (SECRET.into(), 300, 300));
        assert_eq!(store.status().revision, 300);
        drop(store);
        assert!(!lies_in(dir.path(), SECRET.as_bytes()));
        let before: Vec<u8> = SECRET.bytes().map(|byte| byte ^ (mask - 1)).collect();
        assert!(!lies_in(dir.path(), &before));
    }
}

/// Where nothing lives that could tell of the way of before, what was deleted goes all the same; and it is done once.
#[tokio::test]
async fn nothing_is_left_of_what_was_deleted_before_values_were_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let delete = |key: &str| Transaction {
        compare: vec![],
        ops: vec![Op::Delete {
            key: key.into(),
            last: None,
        }],
    };
    let store = Embedded::open(dir.path(), Options::default()).unwrap();
    put_secret(&store, "secrets/a").await;
    store.commit(delete("secrets/a")).await.unwrap();
    drop(store);
    assert!(lies_in(dir.path(), SECRET.as_bytes()));
    for _ in 0..2 {
        let sealing = Arc::new(Masked(7));
        let store = Embedded::open_at_rest(dir.path(), Options::default(), sealing).unwrap();
        assert_eq!(store.status().revision, 2);
        drop(store);
        assert!(!lies_in(dir.path(), SECRET.as_bytes()));
    }
    // What is written since is not written anew at each start: it would be as if it had never been deleted.
    let open = |mask| {
        let sealing = Arc::new(Masked(mask));
        Embedded::open_at_rest(dir.path(), Options::default(), sealing).unwrap()
    };
    let store = open(7);
    put_secret(&store, "secrets/b").await;
    store.commit(delete("secrets/b")).await.unwrap();
    drop(store);
    let masked = |mask: u8| -> Vec<u8> { SECRET.bytes().map(|byte| byte ^ mask).collect() };
    drop(open(7));
    assert!(lies_in(dir.path(), &masked(7)));
    drop(open(8));
    assert!(!lies_in(dir.path(), &masked(7)));
}

#[tokio::test]
async fn a_value_that_cannot_be_read_back_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let sealing = || Arc::new(Masked(99));
    let store = Embedded::open_at_rest(dir.path(), Options::default(), sealing()).unwrap();
    put_secret(&store, "secrets/a").await;
    drop(store);
    let failure = Embedded::open_at_rest(dir.path(), Options::default(), sealing()).err();
    let failure = failure.unwrap().to_string();
    assert!(
        failure.contains("secrets/a") && failure.contains("99 is not known"),
        "{failure}"
    );
}
