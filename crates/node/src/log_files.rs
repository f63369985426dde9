//! The log files of containers: removal and rotation.

use std::path::{Path, PathBuf};
use std::time::Duration;

use navarch_runtime::logs::rotate_if_large;

use crate::worker::Worker;

/// How often sizes are looked at, as the kubelet's `containerLogMonitorInterval`.
const INTERVAL: Duration = Duration::from_secs(10);

/// The log and what rotation made of it, the oldest first and the one that is written last.
pub(crate) async fn all(log: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (log.parent(), log.file_name()) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    if let Ok(mut entries) = tokio::fs::read_dir(directory).await {
        let prefix = format!("{}.", name.to_string_lossy());
        while let Ok(Some(entry)) = entries.next_entry().await {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files.push(log.to_path_buf());
    files
}

/// Bytes of a log and what rotation made of it.
pub(crate) async fn size(log: &Path) -> u64 {
    let mut bytes = 0u64;
    for file in all(log).await {
        let length = tokio::fs::symlink_metadata(&file)
            .await
            .map_or(0, |m| m.len());
        bytes = bytes.saturating_add(length);
    }
    bytes
}

/// Removes a log and what rotation made of it.
pub(crate) async fn remove(log: &Path) {
    for file in all(log).await {
        match tokio::fs::remove_file(&file).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(file = %file.display(), %error, "a log could not be removed");
            }
            _ => {}
        }
    }
}

/// Removes the logs of the attempts before this one.
pub(crate) async fn remove_before(directory: &Path, attempt: u32) {
    let Ok(mut entries) = tokio::fs::read_dir(directory).await else {
        return;
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let of = entry.file_name().to_str().and_then(attempt_of);
        if of.is_some_and(|of| of < attempt) {
            remove(&entry.path()).await;
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
            let rotated =
                tokio::task::spawn_blocking(move || rotate_if_large(&log, policy, now)).await;
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
