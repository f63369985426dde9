//! What was done for a sandbox, kept on disk: by what it was connected it is disconnected, whatever is configured by then.
//!
//! What plugins keep elsewhere outlives the host's end, so these files must: each is synced before anything is done that it tells of.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::configuration::Configuration;
use super::error::CniError;
use crate::PodRequest;
use crate::records::{absent_is_fine, read_limited, validate_id};

const ENDING: &str = "json";
/// Of what is written and not yet whole.
const UNFINISHED: &str = "unfinished";
/// Of what cannot be read, and is left for people.
const UNREADABLE: &str = "unreadable";

/// As much as an object of the API may be, all of it control characters, which are six octets each in JSON, and what configuration and result may be.
const MAX_BYTES: u64 = 16 << 20;

/// One sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) sandbox_id: String,
    #[serde(flatten)]
    pub(super) request: PodRequest,
    pub(super) netns: PathBuf,
    pub(super) configuration: Configuration,
    /// What the last plugin said; `None` while the sandbox is being connected.
    pub(super) result: Option<Value>,
}

/// The directory of them. All that is asked of it blocks.
#[derive(Debug, Clone)]
pub(super) struct Records(pub(super) PathBuf);

impl Records {
    fn path(&self, sandbox_id: &str) -> Result<PathBuf, CniError> {
        validate_id(sandbox_id)?;
        Ok(self.0.join(format!("{sandbox_id}.{ENDING}")))
    }

    /// It is on disk when this returns.
    pub(super) fn write(&self, record: &Record) -> Result<(), CniError> {
        let path = self.path(&record.sandbox_id)?;
        let text = serde_json::to_vec(record).map_err(io::Error::other);
        let written = text.and_then(|text| {
            // What could not be read again could not be undone.
            match text.len() as u64 > MAX_BYTES {
                true => Err(io::ErrorKind::FileTooLarge.into()),
                false => self.replace(&path, &text),
            }
        });
        written.map_err(|source| CniError::State { path, source })
    }

    /// What plugins are told may be secret: nobody else reads it.
    fn replace(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        // As an earlier version may have made it.
        fs::set_permissions(&self.0, Permissions::from_mode(0o700))?;
        let unfinished = path.with_extension(UNFINISHED);
        // What was begun before may be readable for others.
        absent_is_fine(fs::remove_file(&unfinished))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&unfinished)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        File::open(&self.0)?.sync_all()
    }

    /// `None`: there is none. One that is not what it should be is set aside and told of: nothing can be done by it.
    pub(super) fn read(&self, sandbox_id: &str) -> Result<Option<Record>, CniError> {
        let path = self.path(sandbox_id)?;
        let text = match read_limited(&path, MAX_BYTES) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) if source.kind() == io::ErrorKind::FileTooLarge => {
                return set_aside(path, &source);
            }
            Err(source) => return Err(CniError::State { path, source }),
        };
        match serde_json::from_str(&text) {
            Ok(record) => Ok(Some(record)),
            Err(error) => set_aside(path, &error),
        }
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

    /// The sandboxes of which there are records.
    pub(super) fn ids(&self) -> Result<Vec<String>, CniError> {
        self.named(&[ENDING])
    }

    /// These, and those of which a record could not be read: nobody has undone what was done for them.
    pub(super) fn all_ids(&self) -> Result<Vec<String>, CniError> {
        self.named(&[ENDING, UNREADABLE])
    }

    fn named(&self, endings: &[&str]) -> Result<Vec<String>, CniError> {
        let failed = |source| CniError::State {
            path: self.0.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let ending = path.extension().and_then(|it| it.to_str());
            let is_one = ending.is_some_and(|it| endings.contains(&it));
            let id = path.file_stem().and_then(|it| it.to_str());
            ids.extend(id.filter(|_| is_one).map(str::to_owned));
        }
        Ok(ids)
    }
}

fn set_aside(path: PathBuf, error: &dyn std::fmt::Display) -> Result<Option<Record>, CniError> {
    let aside = path.with_extension(UNREADABLE);
    tracing::error!(path = %aside.display(), %error, "what plugins have done for a sandbox cannot be read, and is not undone");
    let moved = fs::rename(&path, &aside);
    moved.map_err(|source| CniError::State { path, source })?;
    Ok(None)
}
