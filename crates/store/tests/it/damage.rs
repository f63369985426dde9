//! Torn files, changed bytes, files that are gone: what was acknowledged is there, or the store says why it is not.

use std::path::{Path, PathBuf};

use navarch_store::{Embedded, Op, Options, Store, Transaction};

const KEYS: u64 = 100;
/// So much that a database which compresses its journal would compress it.
const SIZE: usize = 5_000;

fn put(n: u64) -> Transaction {
    let op = Op::Put {
        key: format!("pods/{n:04}").into(),
        value: vec![b'v'; SIZE].into(),
        stamp: None,
    };
    Transaction {
        compare: vec![],
        ops: vec![op],
    }
}

fn open(dir: &Path) -> navarch_store::Result<Embedded> {
    Embedded::open(dir, Options::default())
}

fn error(dir: &Path) -> String {
    open(dir).err().unwrap().to_string()
}

/// A store that was closed, and the one journal of its database with all in it.
struct Closed {
    dir: tempfile::TempDir,
    journal: PathBuf,
    /// The journal without the zeros at its end.
    bytes: Vec<u8>,
}

impl Closed {
    /// A store with so many keys.
    async fn with(keys: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        for n in 0..keys {
            store.commit(put(n)).await.unwrap();
        }
        drop(store);
        let journal = dir.path().join("rows").join("0.jnl");
        let mut bytes = std::fs::read(&journal).unwrap();
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1);
        Self {
            dir,
            journal,
            bytes,
        }
    }

    /// The place in the journal where the item of a key begins, and its batch 13 bytes before.
    fn item(&self, n: u64) -> usize {
        let key = format!("epods/{n:04}");
        let mut windows = self.bytes.windows(key.len());
        windows.position(|window| window == key.as_bytes()).unwrap() - 21
    }

    fn write(&self, bytes: &[u8]) {
        std::fs::write(&self.journal, bytes).unwrap();
    }

    fn flip(&self, at: usize) {
        let mut bytes = self.bytes.clone();
        bytes[at] ^= 0x40;
        self.write(&bytes);
    }

    fn mark(&self) -> PathBuf {
        self.dir.path().join("acknowledged")
    }

    fn found(&self) -> (usize, u64) {
        let status = open(self.dir.path()).unwrap().status();
        (status.keys, status.revision)
    }
}

/// What was being written when the power failed is not there; everything before it is; and it goes on from there.
#[tokio::test]
async fn a_torn_end_is_cut_off() {
    let closed = Closed::with(KEYS).await;
    let mark = std::fs::read(closed.mark()).unwrap();
    let store = open(closed.dir.path()).unwrap();
    store.commit(put(KEYS)).await.unwrap();
    drop(store);
    let whole = std::fs::read(&closed.journal).unwrap();
    for kept in [1, 20, 300, 5_060] {
        // As if the last one had never been acknowledged.
        std::fs::write(closed.mark(), &mark).unwrap();
        closed.write(&whole[..closed.bytes.len() + kept]);
        assert_eq!(closed.found(), (100, KEYS), "{kept} bytes kept");
    }
    // A page of it did not reach the disk, what follows did.
    for missing in [30..200, 100..4_196, 5_000..5_040] {
        std::fs::write(closed.mark(), &mark).unwrap();
        let mut torn = whole.clone();
        let begin = closed.bytes.len();
        torn[begin + missing.start..begin + missing.end].fill(0);
        closed.write(&torn);
        assert_eq!(closed.found(), (100, KEYS), "{missing:?} are missing");
    }
    let store = open(closed.dir.path()).unwrap();
    store.commit(put(200)).await.unwrap();
    drop(store);
    assert_eq!(closed.found(), (101, KEYS + 1));
}

/// A byte that has changed in a value is found by the database's checksum.
#[tokio::test]
async fn a_changed_value_is_refused() {
    let closed = Closed::with(KEYS).await;
    closed.flip(closed.item(50) + 200);
    let error = error(closed.dir.path());
    assert!(
        error.contains("rows has changed bytes (ChecksumMismatch)"),
        "{error}"
    );
}

/// In the last one nothing tells it from a torn end but that it was acknowledged. The way out that the error names is one.
#[tokio::test]
async fn a_changed_last_value_is_refused_until_somebody_gives_it_up() {
    let closed = Closed::with(KEYS).await;
    closed.flip(closed.item(KEYS - 1) + 200);
    let error = error(closed.dir.path());
    assert!(error.contains("has lost its end"), "{error}");
    assert!(
        error.contains(&format!("rm {}", closed.mark().display())),
        "{error}"
    );
    std::fs::remove_file(closed.mark()).unwrap();
    let kept = usize::try_from(KEYS - 1).unwrap();
    assert_eq!(closed.found(), (kept, KEYS - 1));
}

/// Where no batch before it tells a revision, what is cut off is kept until it is known that nobody misses it.
#[tokio::test]
async fn a_changed_only_value_is_kept() {
    let closed = Closed::with(1).await;
    let value = closed.item(0) + 200;
    closed.flip(value);
    error(closed.dir.path());
    let journal = std::fs::read(&closed.journal).unwrap();
    let torn = std::fs::read(closed.dir.path().join("torn")).unwrap_or_default();
    let left = [journal, torn].concat();
    let kept = left.windows(100).any(|window| window == [b'v'; 100]);
    assert!(kept, "the value is gone");
}

/// A byte that has changed between values ends the journal for the database. The error names the file and the way out.
#[tokio::test]
async fn a_changed_frame_is_a_hole() {
    let closed = Closed::with(KEYS).await;
    let place = closed.item(50);
    closed.flip(place);
    let error = error(closed.dir.path());
    let at = place - 13;
    let file = closed.journal.display();
    assert!(
        error.contains(&format!("{file} is damaged at byte {at}")),
        "{error}"
    );
    assert!(error.contains("Restore the store from a backup"), "{error}");
    // What it says is what helps.
    let journal = std::fs::File::options().write(true).open(&closed.journal);
    journal.unwrap().set_len(at as u64).unwrap();
    std::fs::remove_file(closed.mark()).unwrap();
    assert_eq!(closed.found(), (50, 50));
}

/// Whichever byte it is, of one in the middle and of the last: nothing is lost without a word.
#[tokio::test]
async fn no_changed_byte_loses_anything_in_silence() {
    let closed = Closed::with(KEYS).await;
    let mark = std::fs::read(closed.mark()).unwrap();
    let middle = closed.item(50) - 13..closed.item(51) - 13;
    let last = closed.item(KEYS - 1) - 13..closed.bytes.len();
    let mut refused = 0;
    // Every byte of a frame, and some of the value.
    let frame = middle.start..middle.start + 60;
    for at in frame.chain(middle.chain(last).step_by(111)) {
        std::fs::write(closed.mark(), &mark).unwrap();
        closed.flip(at);
        match open(closed.dir.path()) {
            Ok(store) => assert_eq!(
                (store.status().keys, store.status().revision),
                (100, KEYS),
                "byte {at}"
            ),
            Err(_) => {
                refused += 1;
                let left = std::fs::metadata(&closed.journal).unwrap().len();
                assert!(
                    left >= closed.bytes.len() as u64,
                    "byte {at}: {left} are left of what could be repaired"
                );
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

/// A journal that is cut off, empty, nothing or gone is not a new store.
#[tokio::test]
async fn a_lost_end_is_refused() {
    let closed = Closed::with(KEYS).await;
    let mark = std::fs::read(closed.mark()).unwrap();
    let cut = closed.item(70) - 13;
    let noise: Vec<u8> = (0..5000_u32).map(|n| (n * 31 % 251) as u8).collect();
    for bytes in [&closed.bytes[..cut], &[], &[0; 4096], &noise] {
        std::fs::write(closed.mark(), &mark).unwrap();
        closed.write(bytes);
        let error = error(closed.dir.path());
        assert!(error.contains("but 100 was acknowledged"), "{error}");
        assert!(
            error.contains(&format!("rm {}", closed.mark().display())),
            "{error}"
        );
    }
    std::fs::remove_file(&closed.journal).unwrap();
    assert!(error(closed.dir.path()).contains("but 100 was acknowledged"));
    std::fs::remove_dir_all(closed.dir.path().join("rows")).unwrap();
    assert!(error(closed.dir.path()).contains("but 100 was acknowledged"));

    // Who knows what they do goes on with what is left.
    std::fs::remove_file(closed.mark()).unwrap();
    assert_eq!(closed.found(), (0, 0));
}

#[tokio::test]
async fn a_mark_that_cannot_be_read_is_not_passed_over() {
    let closed = Closed::with(3).await;
    for bytes in [&b""[..], &[7; 24]] {
        std::fs::write(closed.mark(), bytes).unwrap();
        let error = error(closed.dir.path());
        assert!(error.contains("acknowledged cannot be read"), "{error}");
    }
    std::fs::remove_file(closed.mark()).unwrap();
    assert_eq!(closed.found(), (3, 3));
    assert!(closed.mark().exists());
}
