//! Small JSON files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cri::{Error, Result};

/// Writes a file beside its place and renames it there. It is not synced.
pub(super) fn store(path: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(path, value, false)
}

/// The same, and it is on disk when this returns.
pub(super) fn store_synced(path: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(path, value, true)
}

fn replace(path: &Path, value: &impl Serialize, sync: bool) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    if sync {
        file.sync_all()?;
    }
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(parent) if sync => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Reads a file; `None` where there is none.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| Error::host(format!("reading {}", path.display()), e))?,
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| Error::host(format!("reading {}", path.display()), e))
}
