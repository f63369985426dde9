//! The directory that a store has for itself.

use std::fs::{File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::failure::Failure;

/// Makes the directory and takes its lock, which the kernel gives back when the process ends however it ends.
pub(super) fn lock(dir: &Path) -> Result<File, Failure> {
    let failed = |error| Failure::Directory(dir.to_owned(), error);
    // Secrets are kept in it: nobody but the store's own user has a look.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("LOCK"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::Locked(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Bytes that the files below `dir` take on disk, as far as they can be looked at.
pub(super) fn bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(files) = std::fs::read_dir(dir) else {
        return 0;
    };
    files
        .flatten()
        .filter_map(|file| {
            let meta = file.metadata().ok()?;
            Some(if meta.is_dir() {
                bytes(&file.path())
            } else {
                meta.blocks() * 512
            })
        })
        .sum()
}
