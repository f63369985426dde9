//! The lowest layer of every container: what its mounts are put on, where the image has nothing in that place.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const DIRECTORIES: [&str; 4] = ["proc", "sys", "dev", "etc"];
const FILES: [&str; 3] = ["etc/hosts", "etc/resolv.conf", "etc/hostname"];

/// Makes it, if it is not there. Containers of an earlier run may be using it.
pub(super) fn make(base: &Path) -> io::Result<()> {
    for directory in std::iter::once("").chain(DIRECTORIES) {
        let path = base.join(directory);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    }
    for file in FILES {
        let path = base.join(file);
        if !path.exists() {
            fs::write(&path, "")?;
            fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        }
    }
    Ok(())
}
