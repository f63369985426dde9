//! The working directory is made where the image has none, as container runtimes do.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, mkdirat};

use super::Process;
use crate::cri::{ContainerConfig, Error, Result};

/// Makes the working directory of a process in a root file system, unless it lies in a mount, whose owner makes it.
///
/// # Errors
/// `Invalid` where something that is no directory is in the way.
pub fn make_working_directory(
    process: &Process,
    config: &ContainerConfig,
    rootfs: &Path,
) -> Result<()> {
    let path = Path::new(&process.cwd);
    if config
        .mounts
        .iter()
        .any(|mount| path.starts_with(&mount.container_path))
    {
        return Ok(());
    }
    make(path, rootfs).map_err(|error| {
        Error::Invalid(format!(
            "failed to create working directory {:?}: {error}",
            process.cwd
        ))
    })
}

/// Links are followed as if `rootfs` were `/`.
fn make(path: &Path, rootfs: &Path) -> io::Result<()> {
    let root = std::fs::File::open(rootfs)?;
    let open = |path: &Path| -> nix::Result<OwnedFd> {
        openat2(
            &root,
            path,
            OpenHow::new()
                .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
                .resolve(ResolveFlag::RESOLVE_IN_ROOT),
        )
    };
    if path == Path::new("/") || open(path).is_ok() {
        return Ok(());
    }
    let mut reached = Path::new("/").to_path_buf();
    for part in path.components() {
        let Component::Normal(name) = part else {
            if part == Component::ParentDir {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it contains '..'",
                ));
            }
            continue;
        };
        let parent = open(&reached)?;
        match mkdirat(&parent, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        reached.push(name);
    }
    open(&reached)?;
    Ok(())
}
