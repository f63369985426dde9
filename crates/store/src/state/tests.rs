use std::sync::Arc;

use bytes::Bytes;

use super::shared::Bounds;
use super::{Batch, Shared, View};
use crate::{Error, Event, Op, Range, Snapshot, Transaction};

fn shared(events: usize, bytes: usize) -> Arc<Shared> {
    Shared::new(View::default(), Bounds { events, bytes })
}

fn put(shared: &Shared, key: &str, bytes: usize) {
    let op = Op::Put {
        key: key.into(),
        value: Bytes::from(vec![b'v'; bytes]),
        stamp: None,
    };
    let mut batch = Batch::on(&shared.view());
    batch.stage(Transaction {
        compare: vec![],
        ops: vec![op],
    });
    shared.publish(batch);
}

fn oldest(shared: &Arc<Shared>, prefix: &str) -> u64 {
    match shared.watch(prefix, 0).map(drop) {
        Err(Error::Compacted { oldest, .. }) => oldest,
        Err(other) => panic!("{other}"),
        Ok(()) => 0,
    }
}

#[test]
fn a_flooded_bucket_forgets_its_own_history_only() {
    let shared = shared(10, usize::MAX);
    put(&shared, "quiet/a", 1);
    for _ in 0..25 {
        put(&shared, "flood/a", 1);
    }
    assert_eq!(
        (
            oldest(&shared, "flood/"),
            oldest(&shared, "quiet/"),
            shared.floor()
        ),
        (16, 0, 0)
    );
    assert_eq!(
        shared.view_at(Some("quiet/"), 0).unwrap().count("quiet/"),
        0
    );
    assert!(matches!(
        shared.view_at(None, 0).err(),
        Some(Error::Compacted {
            asked: 0,
            oldest: 16
        })
    ));
    assert_eq!(shared.view_at(None, 16).unwrap().revision(), 16);
}

#[test]
fn the_heaviest_bucket_pays_when_all_of_them_weigh_too_much() {
    let shared = shared(usize::MAX, 100_000);
    for _ in 0..20 {
        put(&shared, "light/a", 10);
    }
    for _ in 0..100 {
        put(&shared, "heavy/a", 4000);
    }
    assert_eq!(oldest(&shared, "light/"), 0);
    let kept = 120 - oldest(&shared, "heavy/");
    assert!(
        (8..=12).contains(&kept),
        "{kept} events of 8 KB are not 100 KB"
    );
}

#[tokio::test]
async fn closing_ends_watches_and_waits_but_not_snapshots() {
    let shared = shared(10, 100_000);
    put(&shared, "pods/a", 1);
    let mut idle = shared.watch("pods/", 1).unwrap();
    let mut behind = shared.watch("pods/", 0).unwrap();
    let view = shared.view();
    let mut events: Vec<Arc<Event>> = Vec::new();
    let (ended, reached, ()) = tokio::join!(idle.next(&mut events, 10), shared.reached(2), async {
        shared.close();
    });
    assert!(matches!(
        (ended, reached),
        (Err(Error::Closed), Err(Error::Closed))
    ));
    assert_eq!(
        behind.next(&mut events, 10).await.unwrap(),
        1,
        "what has happened is still told"
    );
    assert!(matches!(
        behind.next(&mut events, 10).await,
        Err(Error::Closed)
    ));
    assert_eq!(view.range(&Range::default()).entries.len(), 1);
}

#[tokio::test]
async fn a_watch_passes_over_many_events_of_others() {
    let shared = shared(usize::MAX, usize::MAX);
    for n in 0..5000 {
        put(&shared, &format!("pods/x/{n}"), 1);
    }
    put(&shared, "pods/y/a", 1);
    let mut watch = shared.watch("pods/y/", 0).unwrap();
    assert_eq!(watch.progress(), 5000);
    let mut events = Vec::new();
    assert_eq!(watch.next(&mut events, 10).await.unwrap(), 5001);
    assert_eq!((events.len(), &*events[0].entry.key), (1, "pods/y/a"));
}

#[test]
fn a_value_does_not_hold_on_to_the_buffer_it_came_in() {
    let shared = shared(10, 100_000);
    let body = Bytes::from(vec![b'v'; 1000]);
    let op = Op::Put {
        key: "pods/a".into(),
        value: body.slice(10..20),
        stamp: None,
    };
    let mut batch = Batch::on(&shared.view());
    batch.stage(Transaction {
        compare: vec![],
        ops: vec![op],
    });
    shared.publish(batch);
    assert!(
        body.is_unique(),
        "the store keeps a part of the caller's buffer"
    );
}
