//! A small file that says how things were, for a start while the API is away.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Far more than the nodes of the largest cluster take.
const MAX_FILE: u64 = 16 << 20;

/// What the file says; `None` where there is none that could be used.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let read = || -> io::Result<T> {
        let mut text = String::new();
        File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
        Ok(serde_json::from_str(&text)?)
    };
    match read() {
        Ok(kept) => Some(kept),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let path = path.display();
            tracing::warn!(%path, %error, "how things were is not known");
            None
        }
    }
}

/// Replaces the file, which is its owner's alone. Synced, for it is needed most after the power has failed: then the API may be away, too.
pub(crate) fn write<T: Serialize>(path: &Path, kept: &T) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let bytes = serde_json::to_vec(kept).map_err(io::Error::other)?;
    let mut file = options.open(&unfinished)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
