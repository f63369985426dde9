//! The log files of containers: removal and rotation.

use std::path::{Path, PathBuf};
use std::time::Duration;

use navarch_runtime::logs::rotate_if_large;

use crate::blocking::blocking;
use crate::worker::Worker;

/// How often sizes are looked at, as the kubelet's `containerLogMonitorInterval`.
const INTERVAL: Duration = Duration::from_secs(10);

/// The log and what rotation made of it, the oldest first and the one that is written last.
pub(crate) async fn all(log: &Path) -> Vec<PathBuf> {
    let log = log.to_owned();
    blocking(move || rotated(&log)).await.unwrap_or_default()
}

/// Bytes of a log and what rotation made of it.
pub(crate) async fn size(log: &Path) -> u64 {
    let log = log.to_owned();
    let length = |file: &PathBuf| std::fs::symlink_metadata(file).map_or(0, |m| m.len());
    let sum = move || {
        let files = rotated(&log);
        let lengths = files.iter().map(length);
        lengths.fold(0, u64::saturating_add)
    };
    blocking(sum).await.unwrap_or_default()
}

/// Removes a log and what rotation made of it.
pub(crate) async fn remove(log: &Path) {
    let log = log.to_owned();
    // What panicked has told.
    let _ = blocking(move || remove_rotated(&log)).await;
}

/// Removes the logs of the attempts before this one.
pub(crate) async fn remove_before(directory: &Path, attempt: u32) {
    let directory = directory.to_owned();
    let remove = move || {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let of = entry.file_name().to_str().and_then(attempt_of);
            if of.is_some_and(|of| of < attempt) {
                remove_rotated(&entry.path());
            }
        }
    };
    // What panicked has told.
    let _ = blocking(remove).await;
}

fn rotated(log: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (log.parent(), log.file_name()) else {
        return Vec::new();
    };
    let prefix = format!("{}.", name.to_string_lossy());
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let of_log = entries.filter(|it| it.file_name().to_string_lossy().starts_with(&prefix));
    let mut files: Vec<PathBuf> = of_log.map(|entry| entry.path()).collect();
    files.sort();
    files.push(log.to_path_buf());
    files
}

fn remove_rotated(log: &Path) {
    for file in rotated(log) {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(file = %file.display(), %error, "a log could not be removed");
            }
            _ => {}
        }
    }
}

/// The attempt that wrote a file: `2.log`, `2.log.20260101-000000`.
fn attempt_of(name: &str) -> Option<u32> {
    let (attempt, rest) = name.split_once('.')?;
    (rest == "log" || rest.starts_with("log.")).then(|| attempt.parse().ok())?
}

/// Rotates the logs of running containers, for ever.
pub(crate) async fn rotate(worker: &Worker) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let directories: std::collections::HashMap<_, _> = worker
            .view
            .sandboxes()
            .into_iter()
            .map(|s| (s.id.clone(), s.config.log_directory.clone()))
            .collect();
        for container in worker.view.running() {
            let Some(directory) = directories.get(&container.sandbox_id) else {
                continue;
            };
            let log = directory.join(&container.config.log_path);
            let (policy, now) = (worker.options.log_rotation, worker.clock.now());
            let shown = log.display().to_string();
            let rotated = blocking(move || rotate_if_large(&log, policy, now)).await;
            match rotated {
                Ok(Ok(false)) => {}
                Ok(Ok(true)) => {
                    if let Err(error) = worker.runtime.reopen_log(&container.id).await {
                        tracing::warn!(container = container.id, %error, "a rotated log could not be reopened");
                    }
                }
                Ok(Err(error)) => tracing::warn!(log = shown, %error, "a log could not be rotated"),
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn logs_of_older_attempts_go_with_what_rotation_made_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let all = [
            "0.log",
            "1.log",
            "1.log.20260101-000000",
            "2.log",
            "10.log",
            "1.txt",
        ];
        for name in all {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        remove_before(directory.path(), 2).await;
        let left = |name: &&str| directory.path().join(name).exists();
        let left: Vec<_> = all.into_iter().filter(left).collect();
        assert_eq!(left, ["2.log", "10.log", "1.txt"]);
    }
}
