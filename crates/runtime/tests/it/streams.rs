//! Standard streams of main processes, and their logs.

use std::time::Duration;

use bytes::Bytes;
use navarch_runtime::cri::{ExecRequest, Runtime, TerminalSize};
use navarch_runtime::logs::{RotationPolicy, rotate_if_large};

use crate::fixture::{Fixture, is_root, messages, shell};

const ALL: ExecRequest = ExecRequest {
    command: Vec::new(),
    tty: false,
    stdin: true,
    stdout: true,
    stderr: true,
};

async fn until(receiver: &mut tokio::sync::mpsc::Receiver<Bytes>, wanted: &str) -> String {
    let mut text = String::new();
    let read = async {
        while !text.contains(wanted) {
            text.push_str(std::str::from_utf8(&receiver.recv().await.unwrap()).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .unwrap();
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attach_with_input() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let mut config =
        shell("while read line; do echo \"got $line\"; echo \"not $line\" >&2; done; exit 5");
    (config.stdin, config.stdin_once) = (true, true);
    let log = fixture.log_path(&config);
    let container = fixture.start(&sandbox, config).await;
    let mut watcher = fixture
        .runtime
        .attach(
            &container.id,
            ExecRequest {
                stdin: false,
                ..ALL
            },
        )
        .await
        .unwrap();
    let mut streams = fixture.runtime.attach(&container.id, ALL).await.unwrap();
    streams
        .stdin
        .as_ref()
        .unwrap()
        .send(Bytes::from_static(b"one\n"))
        .await
        .unwrap();
    assert_eq!(
        until(streams.stdout.as_mut().unwrap(), "\n").await,
        "got one\n"
    );
    assert_eq!(
        until(streams.stderr.as_mut().unwrap(), "\n").await,
        "not one\n"
    );
    assert_eq!(
        until(watcher.stdout.as_mut().unwrap(), "\n").await,
        "got one\n"
    );
    drop(streams.stdin.take());
    assert_eq!(streams.exit.await.unwrap().unwrap(), 5);
    assert_eq!(watcher.exit.await.unwrap().unwrap(), 5);
    assert!(watcher.stdout.unwrap().recv().await.is_none());
    assert_eq!(messages(&log).lines().count(), 2);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_input_ends_leaves_a_container_that_keeps_its_own_open() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let mut config = shell("while read line; do echo \"got $line\"; done; exit 5");
    config.stdin = true;
    let log = fixture.log_path(&config);
    let container = fixture.start(&sandbox, config).await;
    for (typed, answer) in [(&b"one\n"[..], "got one\n"), (b"two\n", "got two\n")] {
        let mut streams = fixture.runtime.attach(&container.id, ALL).await.unwrap();
        let stdin = streams.stdin.take().unwrap();
        stdin.send(Bytes::from_static(typed)).await.unwrap();
        let mut stdout = streams.stdout.take().unwrap();
        assert_eq!(until(&mut stdout, "\n").await, answer);
        drop(stdin);
        let left = tokio::time::timeout(Duration::from_secs(5), streams.exit);
        assert_eq!(left.await.unwrap().unwrap().unwrap(), 0);
        assert!(stdout.recv().await.is_none());
    }
    assert_eq!(messages(&log).lines().count(), 2);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attach_with_a_terminal() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let mut config = shell("while read line; do stty size; done");
    (config.stdin, config.tty) = (true, true);
    let log = fixture.log_path(&config);
    let container = fixture.start(&sandbox, config).await;
    let mut streams = fixture.runtime.attach(&container.id, ALL).await.unwrap();
    assert!(streams.stderr.is_none());
    streams
        .resize
        .as_ref()
        .unwrap()
        .send(TerminalSize {
            width: 77,
            height: 33,
        })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    streams
        .stdin
        .as_ref()
        .unwrap()
        .send(Bytes::from_static(b"\n"))
        .await
        .unwrap();
    until(streams.stdout.as_mut().unwrap(), "33 77\r\n").await;
    // The end-of-file character, as Ctrl-D types it.
    streams
        .stdin
        .as_ref()
        .unwrap()
        .send(Bytes::from_static(b"\x04"))
        .await
        .unwrap();
    assert_eq!(streams.exit.await.unwrap().unwrap(), 0);
    assert!(messages(&log).contains("33 77"));
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_holds_the_process_and_who_leaves_frees_it() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let config = shell("sleep 0.3; /bin/busybox seq 1 300000; exit 6");
    let log = fixture.log_path(&config);
    let container = fixture.start(&sandbox, config).await;
    let streams = fixture
        .runtime
        .attach(
            &container.id,
            ExecRequest {
                stdin: false,
                ..ALL
            },
        )
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let held = fixture.runtime.container(&container.id).await.unwrap();
    assert!(held.exit.is_none());
    drop(streams);
    assert_eq!(fixture.ended(&container.id).await.exit.unwrap().code, 6);
    assert!(messages(&log).ends_with("300000\n"));
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_loses_no_line() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let config = shell("/bin/busybox seq 1 60000; sleep 1; /bin/busybox seq 60001 120000");
    let log = fixture.log_path(&config);
    let container = fixture.start(&sandbox, config).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(
        rotate_if_large(
            &log,
            RotationPolicy {
                max_size: 1000,
                max_files: 5
            },
            jiff::Timestamp::now()
        )
        .unwrap()
    );
    fixture.runtime.reopen_log(&container.id).await.unwrap();
    fixture.ended(&container.id).await;
    let mut files: Vec<_> = std::fs::read_dir(log.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort_by_key(|path| std::cmp::Reverse(path.as_os_str().len()));
    assert_eq!(files.len(), 2);
    let text: String = files.iter().map(|file| messages(file)).collect();
    let expected: String = (1..=120_000).map(|number| format!("{number}\n")).collect();
    assert!(text == expected && !messages(&files[1]).is_empty());
    fixture.finish().await;
}
