//! What only a store on disk does.

use navarch_store::{Compare, Embedded, Error, Op, Options, Store, Transaction, TxnOutcome};

fn put(key: &str, value: &'static str) -> Transaction {
    let value = value.as_bytes().into();
    Transaction {
        compare: vec![],
        ops: vec![Op::Put {
            key: key.into(),
            value,
            stamp: None,
        }],
    }
}

async fn revision_of(store: &Embedded, transaction: Transaction) -> u64 {
    match store.commit(transaction).await.unwrap() {
        TxnOutcome::Committed(committed) => committed.revision,
        TxnOutcome::Failed(current) => panic!("refused: {current:?}"),
    }
}

#[tokio::test]
async fn a_restart_keeps_keys_and_revisions_and_forgets_history() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), Options::default()).unwrap();
    assert_eq!(revision_of(&store, put("pods/a", "1")).await, 1);
    assert_eq!(revision_of(&store, put("pods/b", "2")).await, 2);
    assert_eq!(revision_of(&store, put("pods/a", "3")).await, 3);
    let delete = Op::Delete {
        key: "pods/b".into(),
        last: None,
    };
    assert_eq!(
        revision_of(
            &store,
            Transaction {
                compare: vec![],
                ops: vec![delete]
            }
        )
        .await,
        4
    );
    drop(store);

    let store = Embedded::open(dir.path(), Options::default()).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.revision(), 4);
    let entry = snapshot.get("pods/a").unwrap();
    assert_eq!(
        (&entry.value[..], entry.created, entry.modified),
        (&b"3"[..], 1, 3)
    );
    assert!(snapshot.get("pods/b").is_none());
    assert_eq!((store.status().compacted, store.status().keys), (4, 1));
    assert!(matches!(
        store.watch("pods/", 3).err(),
        Some(Error::Compacted {
            asked: 3,
            oldest: 4
        })
    ));
    assert!(store.watch("pods/", 4).is_ok());
    assert_eq!(revision_of(&store, put("pods/b", "5")).await, 5);
    let refused = Transaction {
        compare: vec![Compare::Absent("pods/b".into())],
        ..put("pods/b", "6")
    };
    assert!(matches!(
        store.commit(refused).await.unwrap(),
        TxnOutcome::Failed(Some(_))
    ));
}

#[tokio::test]
async fn two_stores_cannot_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), Options::default()).unwrap();
    let second = Embedded::open(dir.path(), Options::default())
        .err()
        .unwrap();
    assert!(
        second.to_string().contains("another process has"),
        "{second}"
    );
    drop(store);
    assert!(Embedded::open(dir.path(), Options::default()).is_ok());
}

#[tokio::test]
async fn a_dropped_store_ends_its_watches() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), Options::default()).unwrap();
    revision_of(&store, put("pods/a", "1")).await;
    let mut watch = store.watch("pods/", 1).unwrap();
    let snapshot = store.snapshot();
    drop(store);
    assert!(matches!(
        watch.next(&mut vec![], 1).await,
        Err(Error::Closed)
    ));
    assert_eq!(snapshot.count("pods/"), 1);
}
