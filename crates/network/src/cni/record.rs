//! What was done for a sandbox, kept on disk: by what it was connected it is disconnected, whatever is configured by then.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::configuration::Configuration;
use super::error::CniError;
use crate::records::{absent_is_fine, read_limited, replace, validate_id};
use crate::{HostPort, PodName};

const SUFFIX: &str = ".json";

/// One sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) sandbox_id: String,
    pub(super) pod: PodName,
    pub(super) netns: PathBuf,
    pub(super) ports: Vec<HostPort>,
    pub(super) configuration: Configuration,
    /// What the last plugin said; `None` while the sandbox is being connected.
    pub(super) result: Option<Value>,
}

/// The directory of them.
#[derive(Debug, Clone)]
pub(super) struct Records(pub(super) PathBuf);

impl Records {
    fn path(&self, sandbox_id: &str) -> Result<PathBuf, CniError> {
        validate_id(sandbox_id)?;
        Ok(self.0.join(format!("{sandbox_id}{SUFFIX}")))
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), CniError> {
        let path = self.path(&record.sandbox_id)?;
        let text = serde_json::to_vec(record).map_err(std::io::Error::other);
        // What plugins are told may be secret.
        let mut directory = fs::DirBuilder::new();
        let made = directory
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .and(text);
        let written = made.and_then(|text| replace(&path, &text));
        written.map_err(|source| CniError::State { path, source })
    }

    /// `None`: there is none, or none that can be read: it was cut short by a crash of the whole machine.
    pub(super) fn read(&self, sandbox_id: &str) -> Result<Option<Record>, CniError> {
        let path = self.path(sandbox_id)?;
        Ok(read(&path))
    }

    pub(super) fn remove(&self, sandbox_id: &str) -> Result<(), CniError> {
        let path = self.path(sandbox_id)?;
        let removed = absent_is_fine(fs::remove_file(&path));
        removed.map_err(|source| CniError::State { path, source })
    }

    /// It is empty; what else is in it stays.
    pub(super) fn remove_directory(&self) {
        let _ = fs::remove_dir(&self.0);
    }

    pub(super) fn all(&self) -> Vec<Record> {
        let entries = fs::read_dir(&self.0).into_iter().flatten();
        let paths = entries.flatten().map(|entry| entry.path());
        let records = paths.filter(|path| path.extension().is_some_and(|it| it == "json"));
        records.filter_map(|path| read(&path)).collect()
    }
}

fn read(path: &Path) -> Option<Record> {
    let text = read_limited(path).ok()?;
    match serde_json::from_str(&text) {
        Ok(record) => Some(record),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "what plugins have done cannot be read");
            None
        }
    }
}
