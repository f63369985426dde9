use super::*;

async fn text(log: &Path, options: LogOptions) -> String {
    let (sender, mut receiver) = mpsc::channel(8);
    let log = log.to_path_buf();
    tokio::spawn(async move { read(&log, &options, None, sender).await.unwrap() });
    let mut all = Vec::new();
    while let Some(chunk) = receiver.recv().await {
        all.extend_from_slice(&chunk);
    }
    String::from_utf8(all).unwrap()
}

const OLD: &str =
    "2026-01-01T00:00:01.000000000Z stdout F one\n2026-01-01T00:00:02.000000000Z stderr F two\n";
const NEW: &str = "2026-01-01T00:00:03.000000000Z stdout P thr\n2026-01-01T00:00:03.000000000Z stdout F ee\ngarbage\n2026-01-01T00:00:04.000000000Z stdout F four\n";

fn log() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("0.log");
    std::fs::write(directory.path().join("0.log.20260101-000000"), OLD).unwrap();
    std::fs::write(&log, NEW).unwrap();
    (directory, log)
}

#[tokio::test]
async fn lines_are_whole_over_rotations_and_parts() {
    let (_directory, log) = log();
    assert_eq!(
        text(&log, LogOptions::default()).await,
        "one\ntwo\nthree\nfour\n"
    );
}

#[tokio::test]
async fn the_last_lines() {
    let (_directory, log) = log();
    let tail = |lines| {
        text(
            &log,
            LogOptions {
                tail_lines: Some(lines),
                ..LogOptions::default()
            },
        )
    };
    assert_eq!(tail(0).await, "");
    assert_eq!(tail(1).await, "four\n");
    assert_eq!(tail(4).await, "three\nfour\n");
    assert_eq!(tail(5).await, "two\nthree\nfour\n");
    assert_eq!(tail(50).await, "one\ntwo\nthree\nfour\n");
}

#[tokio::test]
async fn what_is_asked_for() {
    let (_directory, log) = log();
    let since = Some("2026-01-01T00:00:03Z".parse().unwrap());
    assert_eq!(
        text(
            &log,
            LogOptions {
                since,
                ..LogOptions::default()
            }
        )
        .await,
        "three\nfour\n"
    );
    let stream = Some("stderr".to_owned());
    let options = LogOptions {
        stream,
        timestamps: true,
        ..LogOptions::default()
    };
    assert_eq!(
        text(&log, options).await,
        "2026-01-01T00:00:02.000000000Z two\n"
    );
    assert_eq!(
        text(
            &log,
            LogOptions {
                limit_bytes: Some(6),
                ..LogOptions::default()
            }
        )
        .await,
        "one\ntw"
    );
}

#[tokio::test]
async fn a_missing_log_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        text(&directory.path().join("0.log"), LogOptions::default()).await,
        ""
    );
    assert_eq!(tail_text(&directory.path().join("0.log"), 3, 100).await, "");
}

#[tokio::test]
async fn an_entry_that_is_half_written_is_read_when_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("0.log");
    let (half, rest) = OLD.split_at(60);
    std::fs::write(&log, half).unwrap();
    let (out, mut received) = mpsc::channel(8);
    let mut writer = Writer {
        options: LogOptions::default(),
        left: None,
        partial: false,
        pending: BytesMut::new(),
        out,
    };
    let mut reader = BufReader::new(tokio::fs::File::open(&log).await.unwrap());
    copy(&mut reader, &mut writer).await.unwrap();
    copy(&mut reader, &mut writer).await.unwrap();
    std::fs::write(&log, [half, rest].concat()).unwrap();
    copy(&mut reader, &mut writer).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(received.recv().await.unwrap(), "one\ntwo\n");
}
