//! Processes added to containers.

use std::time::{Duration, Instant};

use bytes::Bytes;
use navarch_runtime::cri::{Error, ExecRequest, ExecStreams, Runtime, TerminalSize};

use crate::fixture::{Fixture, is_root};

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

async fn all(receiver: Option<tokio::sync::mpsc::Receiver<Bytes>>) -> String {
    let mut text = Vec::new();
    let mut receiver = receiver.unwrap();
    while let Some(bytes) = receiver.recv().await {
        text.extend_from_slice(&bytes);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_the_end() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let mut config = crate::fixture::shell("sleep 1000");
    config.env = vec![("COLOR".into(), "blue".into())];
    let container = fixture.start(&sandbox, config).await;
    let exec = |command: &[&str], timeout| {
        fixture
            .runtime
            .exec_sync(&container.id, words(command), timeout)
    };
    let second = Duration::from_secs(5);
    let output = exec(
        &[
            "/bin/busybox",
            "sh",
            "-c",
            "echo $COLOR $FROM_IMAGE; pwd; echo no >&2; exit 4",
        ],
        second,
    )
    .await
    .unwrap();
    assert_eq!(
        (
            output.stdout.as_slice(),
            output.stderr.as_slice(),
            output.code
        ),
        (&b"blue yes\n/\n"[..], &b"no\n"[..], 4)
    );
    // It is in the container's process namespace, where 1 is the main process.
    let output = exec(&["cat", "/proc/1/cmdline"], second).await.unwrap();
    assert_eq!(output.stdout, b"sleep\x001000\0");
    let output = exec(
        &[
            "/bin/busybox",
            "sh",
            "-c",
            "/bin/busybox yes | /bin/busybox head -c 100000",
        ],
        second,
    )
    .await
    .unwrap();
    assert_eq!(output.stdout.len(), 16 * 1024);
    let Err(Error::Invalid(message)) = exec(&["nothing"], second).await else {
        panic!("it ran")
    };
    assert!(
        message.contains("exec: \"nothing\": executable file not found in $PATH"),
        "{message}"
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_kills_the_whole_tree() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let container = fixture.shell(&sandbox, "sleep 1000").await;
    let before = Instant::now();
    let script = "(/bin/busybox sh -c '/bin/busybox sleep 777' & /bin/busybox sleep 777) & /bin/busybox sleep 777";
    let result = fixture
        .runtime
        .exec_sync(
            &container.id,
            words(&["/bin/busybox", "sh", "-c", script]),
            Duration::from_millis(400),
        )
        .await;
    assert!(matches!(result, Err(Error::Timeout(_))), "{result:?}");
    assert!(before.elapsed() < Duration::from_secs(3));
    let output = fixture
        .runtime
        .exec_sync(&container.id, words(&["ps"]), Duration::from_secs(5))
        .await
        .unwrap();
    let listing = String::from_utf8(output.stdout).unwrap();
    assert!(
        listing.contains("sleep 1000") && !listing.contains("sleep 777"),
        "{listing}"
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_in_the_background_does_not_hold_it() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let container = fixture.shell(&sandbox, "sleep 1000").await;
    let before = Instant::now();
    let command = words(&[
        "/bin/busybox",
        "sh",
        "-c",
        "/bin/busybox sleep 30 & echo done",
    ]);
    let request = ExecRequest {
        command,
        stdout: true,
        ..Default::default()
    };
    let streams = fixture.runtime.exec(&container.id, request).await.unwrap();
    assert_eq!(all(streams.stdout).await, "done\n");
    assert_eq!(streams.exit.await.unwrap().unwrap(), 0);
    assert!(before.elapsed() < Duration::from_secs(10));
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_pipes() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let container = fixture.shell(&sandbox, "sleep 1000").await;
    let request = ExecRequest {
        command: words(&["cat"]),
        stdin: true,
        stdout: true,
        stderr: true,
        tty: false,
    };
    let ExecStreams {
        stdin,
        stdout,
        stderr,
        resize,
        exit,
    } = fixture.runtime.exec(&container.id, request).await.unwrap();
    assert!(resize.is_none());
    let sender = stdin.unwrap();
    let input = "0123456789abcdef".repeat(40_000);
    let sent = input.clone();
    tokio::spawn(async move {
        for chunk in sent.as_bytes().chunks(50_000) {
            sender.send(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
    });
    let (out, err) = tokio::join!(all(stdout), all(stderr));
    assert!(out == input, "{} bytes came back", out.len());
    assert_eq!(err, "");
    assert_eq!(exit.await.unwrap().unwrap(), 0);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_terminal() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let container = fixture.shell(&sandbox, "sleep 1000").await;
    let request = ExecRequest {
        command: words(&[
            "/bin/busybox",
            "sh",
            "-c",
            "read line; stty size; tty; echo $TERM; exit 9",
        ]),
        stdin: true,
        stdout: true,
        stderr: true,
        tty: true,
    };
    let ExecStreams {
        stdin,
        stdout,
        stderr,
        resize,
        exit,
    } = fixture.runtime.exec(&container.id, request).await.unwrap();
    assert!(stderr.is_none());
    let resize = resize.unwrap();
    resize
        .send(TerminalSize {
            width: 101,
            height: 43,
        })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stdin
        .as_ref()
        .unwrap()
        .send(Bytes::from_static(b"go\n"))
        .await
        .unwrap();
    let text = all(stdout).await;
    assert_eq!(text, "go\r\n43 101\r\n/dev/pts/0\r\nxterm\r\n");
    assert_eq!(exit.await.unwrap().unwrap(), 9);
    fixture.finish().await;
}
