//! Directories that nobody but their owner may enter: below the data directory lie secrets, in the store's files and in pods' volumes.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// The owner alone.
const MODE: u32 = 0o700;

/// Makes the directory `path`, with those above it, unless it is there. One that is there and holds nothing but entries of `own` names is
/// narrowed. In one that holds other things, too, and so may be meant for others, the entries of `own` names that hold `secrets` are made
/// or narrowed.
pub(crate) fn make(path: &Path, own: &[&str], secrets: &[&str]) -> io::Result<()> {
    let there = match path.metadata() {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(above) = path.parent() {
                std::fs::create_dir_all(above)?;
            }
            return DirBuilder::new().mode(MODE).create(path);
        }
        Err(error) => return Err(error),
    };
    if holds_only(path, own)? {
        return narrow(path, &there);
    }
    for name in secrets {
        let part = path.join(name);
        match part.symlink_metadata() {
            Ok(there) if there.is_dir() => narrow(&part, &there)?,
            Ok(_) => {}
            Err(_) => DirBuilder::new().mode(MODE).create(&part)?,
        }
    }
    Ok(())
}

fn holds_only(directory: &Path, names: &[&str]) -> io::Result<bool> {
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        if !names.iter().any(|own| name == *own) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn narrow(path: &Path, there: &Metadata) -> io::Result<()> {
    let mode = there.permissions().mode();
    if mode & !MODE & 0o777 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode & MODE))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    /// The modes of a directory and of its part `store`, after it was made out of one of mode 0755 that held these.
    fn made(held: &[&str]) -> (u32, Option<u32>) {
        let place = tempfile::tempdir().unwrap();
        let path: PathBuf = place.path().join("data");
        for name in held {
            std::fs::create_dir_all(path.join(name)).unwrap();
            std::fs::set_permissions(path.join(name), Permissions::from_mode(0o755)).unwrap();
        }
        if path.exists() {
            std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        make(&path, &["store", "pki"], &["store"]).unwrap();
        let store = path.join("store");
        (mode(&path), store.exists().then(|| mode(&store)))
    }

    #[test]
    fn what_is_ours_is_closed_and_what_is_others_stays_open() {
        assert_eq!(made(&[]), (0o700, None));
        assert_eq!(made(&["store", "pki"]), (0o700, Some(0o755)));
        assert_eq!(made(&["store", "photos"]), (0o755, Some(0o700)));
        assert_eq!(made(&["photos"]), (0o755, Some(0o700)));
    }
}
