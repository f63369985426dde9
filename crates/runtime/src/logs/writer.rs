//! The log file of one container.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Appends entries to a log file that may be moved away beneath it.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    file: File,
}

impl LogWriter {
    /// Opens the file, making it and its directory where they are not.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let file = open(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
        })
    }

    /// Goes on in a new file at the path, after the old one was moved. If that fails the old one is still written.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.file = open(&self.path)?;
        Ok(())
    }

    /// Appends whole entries.
    pub fn write(&mut self, entries: &[u8]) -> io::Result<()> {
        self.file.write_all(entries)
    }
}

fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        // Whoever can write beside the log shall not have another file written by its shim.
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)
}
