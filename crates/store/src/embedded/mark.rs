//! The newest revision that was acknowledged, in a file of its own.
//!
//! It is written after each commit and not synced: that would be a second sync. So it is exact after a clean end and after
//! a crash of the process, and after a crash of the machine it is behind by what the kernel had not written yet, never ahead.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::Revision;

const NAME: &str = "acknowledged";
/// What the file begins with: what it is, and its layout.
const MAGIC: u64 = 0x4e56_4d41_524b_0001;

/// The open file.
pub(super) struct Mark(File);

impl Mark {
    /// Where it lies.
    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join(NAME)
    }

    /// What it says. `None`: it is not there, which is so for new stores and where somebody wants to go on with what is left.
    pub(super) fn read(dir: &Path) -> Result<Option<Revision>, Failure> {
        let path = Self::path(dir);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::Directory(path, error)),
        };
        let word = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        match (word(0), word(8), word(16)) {
            (Some(MAGIC), Some(revision), Some(check)) if check == revision ^ MAGIC => {
                Ok(Some(revision))
            }
            _ => Err(Failure::Damaged(format!(
                "{} cannot be read. Without it nobody knows whether the store has lost its end; to go on all the same, remove it",
                path.display()
            ))),
        }
    }

    /// Opens it, made anew where it is missing, and puts `revision` in it.
    pub(super) fn open(dir: &Path, revision: Revision) -> io::Result<Self> {
        let path = Self::path(dir);
        if !path.exists() {
            let fresh = dir.join("acknowledged.new");
            let file = File::create(&fresh)?;
            file.write_all_at(&bytes(revision), 0)?;
            // Or a crash could leave an empty one, which nobody can read.
            file.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            // And without its name it would not be missed.
            File::open(dir)?.sync_all()?;
        }
        let mark = Self(File::options().write(true).open(path)?);
        mark.set(revision)?;
        Ok(mark)
    }

    /// Puts `revision` in it, which is durable.
    pub(super) fn set(&self, revision: Revision) -> io::Result<()> {
        self.0.write_all_at(&bytes(revision), 0)
    }

    /// Makes it as durable as what it tells of.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

fn bytes(revision: Revision) -> [u8; 24] {
    let words = [MAGIC, revision, revision ^ MAGIC].map(u64::to_be_bytes);
    let mut all = [0; 24];
    all.as_chunks_mut().0.copy_from_slice(&words);
    all
}
