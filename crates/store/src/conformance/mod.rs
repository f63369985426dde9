//! What every backend must do, as tests. Feature `conformance`.
//!
//! ```ignore
//! navarch_store::conformance_suite!(|| (Arc::new(Memory::new()) as Arc<dyn Store>, ()));
//! ```
#![allow(clippy::unwrap_used)]

mod history;
mod model;
mod races;
mod reads;
mod transactions;
mod watches;

pub use history::*;
pub use model::{Step, agrees_with_model};
pub use races::*;
pub use reads::*;
pub use transactions::*;
pub use watches::*;

use std::sync::Arc;
use std::time::Duration;

use crate::{
    Committed, Compare, Entry, Event, EventKind, Op, Result, Revision, Store, Transaction,
    TxnOutcome, Watch,
};

/// The store under test.
pub type Subject = Arc<dyn Store>;

/// Makes one test of each case; `$open` is a function that answers with an empty store and what it needs to live.
#[macro_export]
macro_rules! conformance_suite {
    ($open:expr) => {
        $crate::conformance_suite! { $open;
            conditions_are_checked_in_order
            a_refused_transaction_changes_nothing
            a_transaction_has_one_revision
            a_transaction_without_effect_takes_no_revision
            a_deletion_answers_with_the_last_version
            the_revision_is_spliced_in
            what_is_too_large_is_refused
            keys_come_in_pages
            prefixes_end_where_they_end
            a_scan_ends_when_told
            a_snapshot_does_not_change
            every_revision_can_be_read
            compaction_hides_the_past
            the_future_is_refused
            reached_waits
            a_watch_begins_after_any_revision
            a_watch_sees_only_its_prefix
            a_watch_tells_of_both_versions
            a_watch_is_read_in_parts
            a_waiting_watch_wakes
            a_watch_that_fell_behind_is_told
            a_watch_that_is_up_to_date_survives_compaction
            progress_moves_on_without_changes
            one_of_many_writers_wins
            no_watcher_misses_anything_under_load
            readers_never_see_half_a_transaction
        }
    };
    ($open:expr; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (store, _keep) = ($open)();
                $crate::conformance::$case(store).await;
            }
        )*
    };
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

fn put(key: &str, value: &str) -> Op {
    Op::Put {
        key: key.into(),
        value: value.to_owned().into(),
        stamp: None,
    }
}

fn delete(key: &str) -> Op {
    Op::Delete {
        key: key.into(),
        last: None,
    }
}

fn absent(key: &str) -> Compare {
    Compare::Absent(key.into())
}

fn modified(key: &str, revision: Revision) -> Compare {
    Compare::Modified(key.into(), revision)
}

async fn attempt(store: &Subject, compare: Vec<Compare>, ops: Vec<Op>) -> TxnOutcome {
    store.commit(Transaction { compare, ops }).await.unwrap()
}

#[track_caller]
fn committed(outcome: TxnOutcome) -> Committed {
    match outcome {
        TxnOutcome::Committed(committed) => committed,
        TxnOutcome::Failed(current) => panic!("refused because of {current:?}"),
    }
}

/// What made a transaction fail: the current version's modified revision.
#[track_caller]
fn refused(outcome: TxnOutcome) -> Option<Revision> {
    match outcome {
        TxnOutcome::Failed(current) => current.map(|entry| entry.modified),
        TxnOutcome::Committed(committed) => panic!("committed at {}", committed.revision),
    }
}

async fn change(store: &Subject, ops: Vec<Op>) -> Revision {
    committed(attempt(store, vec![], ops).await).revision
}

fn text(entry: &Entry) -> String {
    format!(
        "{}={}@{}",
        entry.key,
        String::from_utf8_lossy(&entry.value),
        entry.modified
    )
}

fn told(event: &Event) -> String {
    let sign = if event.kind == EventKind::Put {
        '+'
    } else {
        '-'
    };
    format!(
        "{sign}{}={}@{}",
        event.entry.key,
        String::from_utf8_lossy(&event.entry.value),
        event.revision
    )
}

/// The next events of a watch, or the test fails.
async fn next(watch: &mut dyn Watch, max: usize) -> Result<(Vec<Arc<Event>>, Revision)> {
    let mut events = Vec::new();
    let seen = tokio::time::timeout(PATIENCE, watch.next(&mut events, max))
        .await
        .expect("the watch is stuck")?;
    assert!(
        !events.is_empty() && events.len() <= max,
        "{} of {max} events",
        events.len()
    );
    assert_eq!(seen, watch.seen());
    Ok((events, seen))
}

/// Everything a watch tells up to a revision.
async fn until(watch: &mut dyn Watch, revision: Revision) -> Vec<String> {
    let mut lines = Vec::new();
    while watch.progress() < revision {
        lines.extend(
            next(watch, 100)
                .await
                .unwrap()
                .0
                .iter()
                .map(|event| told(event)),
        );
    }
    lines
}
