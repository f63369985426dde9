//! Why the disk did not do as it was told, and what whoever runs the store can do about it.

use std::io;
use std::path::PathBuf;

use crate::Revision;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("another process has {} open; stop it, or use another directory", .0.display())]
    Locked(PathBuf),
    #[error("cannot use {}", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    #[error("the database failed: {0}")]
    Database(#[from] fjall::Error),
    #[error(
        "a journal in {} has changed bytes ({reason:?}). Restore the store from a backup", .dir.display()
    )]
    Changed {
        dir: PathBuf,
        reason: fjall::JournalRecoveryError,
    },
    #[error("the store is damaged: {0}")]
    Damaged(String),
    #[error("the value of {key:?} cannot be read from disk: {reason}")]
    Sealed { key: String, reason: String },
    #[error("the value of {key:?} cannot be written to disk: {reason}")]
    Sealing { key: String, reason: String },
    #[error("the store was written by another version (layout {0})")]
    Format(u8),
    #[error(
        "after a failure the disk is at revision {disk}, memory at {memory}: restart to recover"
    )]
    Diverged { disk: Revision, memory: Revision },
    #[error(
        "{} is damaged at byte {at}, and whole records lie behind it: it is no torn end. Restore the store from a backup. \
         To give up what lies behind instead: truncate -s {at} {} && rm {}",
        .file.display(), .file.display(), .mark.display()
    )]
    Hole {
        file: PathBuf,
        at: u64,
        mark: PathBuf,
    },
    #[error(
        "{} is damaged at byte {at}, and other journals follow it. Restore the store from a backup", .file.display()
    )]
    Broken { file: PathBuf, at: u64 },
    #[error(
        "the store ends at revision {found}, but {acknowledged} was acknowledged: {} has lost its end. Restore the store from a \
         backup. To go on without what is lost instead: rm {}",
        .file.display(), .mark.display()
    )]
    Lost {
        file: PathBuf,
        found: Revision,
        acknowledged: Revision,
        mark: PathBuf,
    },
    #[error(
        "the rows in {} are not those that were written up to revision {revision}: a file is missing, or an older one. Restore \
         the store from a backup. To go on with what is there instead: rm {}",
        .dir.display(), .mark.display()
    )]
    Incomplete {
        dir: PathBuf,
        revision: Revision,
        mark: PathBuf,
    },
}
