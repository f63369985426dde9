//! A disk that is full, and then is not.

use std::path::Path;
use std::process::{Command, Stdio};

use navarch_store::{Embedded, Error, Op, Options, Store, Transaction};

const DIR: &str = "NAVARCH_STORE_FULL_DIR";
/// Runs `$1 …` with 8 MiB of disk of its own at `$0`, half of it taken.
const SCRIPT: &str =
    "mount -t tmpfs -o size=8m none \"$0\" && head -c 4m /dev/zero > \"$0/ballast\" && exec \"$@\"";

fn apart() -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount"])
        .stderr(Stdio::inherit());
    command
}

/// Runs the child below on a small disk. Where the kernel does not let us make one there is nothing to see.
#[test]
fn a_full_disk_is_an_error_and_not_the_end() {
    let allowed = apart()
        .args(["mount", "-t", "tmpfs", "none", "/mnt"])
        .stderr(Stdio::null())
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let status = apart()
        .args(["sh", "-c", SCRIPT])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["full::child_on_a_small_disk", "--exact", "--nocapture"])
        .env(DIR, dir.path())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

fn put(n: u64) -> Transaction {
    let value = (0..8192u64).flat_map(|word| {
        (word * (n + 1))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_le_bytes()
    });
    let op = Op::Put {
        key: format!("pods/{n:04}").into(),
        value: value.collect(),
        stamp: None,
    };
    Transaction {
        compare: vec![],
        ops: vec![op],
    }
}

#[tokio::test]
async fn child_on_a_small_disk() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let dir = Path::new(&dir);
    let store = Embedded::open(dir.join("store"), Options::default()).unwrap();
    let mut written = 0;
    let error = loop {
        match store.commit(put(written)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 200, "the disk is larger than it should be");
    };
    assert!(matches!(error, Error::Backend(_)), "{error}");
    assert!(written > 5, "{error}");
    assert!(store.commit(put(1000)).await.is_err());
    let status = store.status();
    assert_eq!(
        (status.revision, status.keys as u64),
        (written, written),
        "a failed commit left something behind"
    );
    assert!(
        store
            .snapshot()
            .get(&format!("pods/{written:04}"))
            .is_none()
    );

    std::fs::remove_file(dir.join("ballast")).unwrap();
    store.commit(put(written)).await.unwrap();
    assert_eq!(store.status().revision, written + 1);
    drop(store);
    let store = Embedded::open(dir.join("store"), Options::default()).unwrap();
    assert_eq!(
        (store.status().revision, store.status().keys as u64),
        (written + 1, written + 1)
    );
}
