//! kill -9 under load.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use navarch_store::{Embedded, Op, Options, Store, Transaction, TxnOutcome};

const ROUNDS: u64 = 20;
const WRITERS: u64 = 16;
const KEYS: u64 = 40;
const DIR: &str = "NAVARCH_STORE_CRASH_DIR";

/// The child: writes until it is killed, and says what has been acknowledged. Without its variable it does nothing.
#[test]
fn child_that_is_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Arc::new(Embedded::open(dir, Options::default()).unwrap());
        let tasks: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(store.clone(), writer)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Two keys that are always written together; sometimes both are deleted.
async fn write(store: Arc<Embedded>, writer: u64) {
    for n in 0u64.. {
        let keys = [
            format!("left/{writer}/{}", n % KEYS),
            format!("right/{writer}/{}", n % KEYS),
        ];
        let value = format!("{writer}:{n}:{}", "x".repeat((n * 37 % 3000) as usize));
        let op = |key: &String| match n % 7 {
            6 => Op::Delete {
                key: key.as_str().into(),
                last: None,
            },
            _ => Op::Put {
                key: key.as_str().into(),
                value: value.clone().into(),
                stamp: None,
            },
        };
        let transaction = Transaction {
            compare: vec![],
            ops: keys.iter().map(op).collect(),
        };
        let TxnOutcome::Committed(done) = store.commit(transaction).await.unwrap() else {
            unreachable!()
        };
        // One write call a line: the pipe keeps it whole, and nothing waits in this process' memory.
        let line = format!("{} {writer} {n}\n", done.revision);
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

/// What was acknowledged of one writer: number and revision of its last transaction.
type Acknowledged = Vec<Option<(u64, u64)>>;

fn spawn(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "crash::child_that_is_killed",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets the child write for a while, kills it, and answers what it had been told.
fn round(dir: &Path, milliseconds: u64) -> Acknowledged {
    let mut child = spawn(dir);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut acknowledged = vec![None; WRITERS as usize];
    let mut note = |line: String| {
        let mut numbers = line.split(' ').map(|number| number.parse::<u64>().unwrap());
        let (revision, writer, n) = (
            numbers.next().unwrap(),
            numbers.next().unwrap(),
            numbers.next().unwrap(),
        );
        acknowledged[writer as usize] = Some((n, revision));
    };
    note(lines.next().unwrap().unwrap());
    let killer = std::thread::spawn(move || {
        #[allow(
            clippy::disallowed_methods,
            reason = "a kill at any moment is the test; the thread has nothing to wait for"
        )]
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    lines.for_each(|line| note(line.unwrap()));
    killer.join().unwrap();
    acknowledged
}

/// Each writer's keys show its last acknowledged transaction, or one after it, on both sides alike.
fn check(store: &Embedded, acknowledged: &Acknowledged, previous: u64) {
    let snapshot = store.snapshot();
    let newest = acknowledged
        .iter()
        .flatten()
        .map(|(_, revision)| *revision)
        .max()
        .unwrap();
    assert!(
        newest > previous,
        "revisions went back: {newest} after {previous}"
    );
    assert!(
        snapshot.revision() >= newest,
        "{} lost: only {} recovered",
        newest,
        snapshot.revision()
    );
    for (writer, last) in acknowledged.iter().enumerate() {
        let Some((last, revision)) = last else {
            continue;
        };
        for n in last.saturating_sub(KEYS - 1)..=*last {
            let left = snapshot.get(&format!("left/{writer}/{}", n % KEYS));
            let right = snapshot.get(&format!("right/{writer}/{}", n % KEYS));
            let value =
                |entry: &Option<Arc<navarch_store::Entry>>| entry.as_ref().map(|e| e.value.clone());
            assert_eq!(
                value(&left),
                value(&right),
                "half a transaction of {writer}:{n}"
            );
            let expected = format!("{writer}:{n}:");
            // The one after the last may have been committed without having been acknowledged; it has another key
            // unless the keys have come round.
            let overwritten = n + KEYS == last + 1;
            match &left {
                Some(entry) => assert!(
                    overwritten || entry.value.starts_with(expected.as_bytes()),
                    "{entry:?}"
                ),
                None => assert!(
                    overwritten || n % 7 == 6,
                    "{expected} acknowledged by revision {revision}, lost"
                ),
            }
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut previous = 0;
    let mut acknowledged = 0;
    for number in 0..ROUNDS {
        let told = round(dir.path(), 5 + number * 7919 % 120);
        let store = Embedded::open(dir.path(), Options::default()).unwrap();
        check(&store, &told, previous);
        acknowledged += store.status().revision - previous;
        previous = store.status().revision;
    }
    assert!(
        acknowledged > ROUNDS * WRITERS,
        "too little was written to mean anything: {acknowledged}"
    );
}
