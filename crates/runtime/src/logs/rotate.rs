//! Rotation: the node moves a large log away and has the shim go on in a new file.

use std::io;
use std::path::{Path, PathBuf};

/// When a log is rotated and how many files of it are kept, as the kubelet's `containerLogMaxSize` and `containerLogMaxFiles`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationPolicy {
    /// Bytes.
    pub max_size: u64,
    /// Files with the one that is written, at least 2.
    pub max_files: usize,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            max_size: 10 * 1024 * 1024,
            max_files: 5,
        }
    }
}

/// Moves `log` to `LOG.YYYYMMDD-HHMMSS` if it has reached the size, and removes the oldest files over the count. Returns whether it
/// moved; then the caller must have the log reopened ([`crate::cri::Runtime::reopen_log`]). A log that is gone is no error.
///
/// # Errors
/// Where a file cannot be listed, moved or removed.
pub fn rotate_if_large(
    log: &Path,
    policy: RotationPolicy,
    now: jiff::Timestamp,
) -> io::Result<bool> {
    let size = match std::fs::metadata(log) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if size < policy.max_size {
        return Ok(false);
    }
    let mut rotated = rotated_files(log)?;
    rotated.sort();
    let keep = policy.max_files.saturating_sub(2);
    let surplus = rotated.len().saturating_sub(keep);
    for old in rotated.drain(..surplus) {
        std::fs::remove_file(old)?;
    }
    std::fs::rename(
        log,
        suffixed(log, &now.strftime("%Y%m%d-%H%M%S").to_string()),
    )?;
    Ok(true)
}

fn suffixed(log: &Path, suffix: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// The files that earlier rotations of `log` left, in no order.
fn rotated_files(log: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(directory) = log.parent() else {
        return Ok(Vec::new());
    };
    let prefix = suffixed(log, "");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .as_os_str()
            .as_encoded_bytes()
            .starts_with(prefix.as_os_str().as_encoded_bytes())
        {
            files.push(path);
        }
    }
    Ok(files)
}
