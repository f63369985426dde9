//! How a container ended, on disk before anybody is told.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The end of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Nanoseconds since the epoch.
    pub started_at: i64,
    /// Nanoseconds since the epoch.
    pub finished_at: i64,
    /// 128 + signal where a signal ended it.
    pub code: i32,
    /// The signal, or 0.
    pub signal: i32,
    /// The kernel killed one of its processes for want of memory.
    pub oom_killed: bool,
}

/// Writes and syncs the record; after a power failure it is there whole or not at all.
pub(super) fn write_exit(path: &Path, record: &ExitRecord) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    file.sync_data()?;
    std::fs::rename(&temporary, path)
}

/// The record, if the container has ended.
pub fn read_exit(path: &Path) -> Option<ExitRecord> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
