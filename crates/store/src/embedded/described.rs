//! How the values on disk were written, in a file of its own: when that changes, all is written anew, so that nothing is left of what was
//! written in the way of before, deleted or not.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::failure::Failure;

const NAME: &str = "at-rest";

/// What the file says.
pub(super) struct Described {
    path: PathBuf,
    /// Empty where it is not there: values were written as they are.
    words: String,
}

impl Described {
    pub(super) fn read(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(NAME);
        let words = match std::fs::read_to_string(&path) {
            Ok(words) => words,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::Directory(path, error)),
        };
        Ok(Self { path, words })
    }

    /// Whether values are written in another way today.
    pub(super) fn is_another(&self, today: &str) -> bool {
        self.words != today
    }

    /// Says how they are written from now on. What is there is so already.
    pub(super) fn write(&self, today: &str) -> Result<(), Failure> {
        if !self.is_another(today) {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            let fresh = self.path.with_extension("new");
            let mut file = File::create(&fresh)?;
            file.write_all(today.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&fresh, &self.path)?;
            let dir = self.path.parent();
            dir.map_or(Ok(()), |dir| File::open(dir)?.sync_all())
        };
        write().map_err(|error| Failure::Directory(self.path.clone(), error))
    }
}
