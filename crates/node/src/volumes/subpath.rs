//! subPath: a part of a volume, which the pod may be changing while we look.
//!
//! Each step is resolved by the kernel beneath the volume, so no link leads out; what was reached is bound by its descriptor to a
//! path that the pod cannot change.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat, mkdirat};

/// Binds `path` below `base` to `target`. Directories that are not there are made.
pub(super) fn bind(base: &Path, path: &str, target: &Path) -> Result<(), String> {
    let reached = reach(base, path)?;
    let kind = fstat(&reached).map_err(|e| e.to_string())?.st_mode & SFlag::S_IFMT.bits();
    // What an earlier container of this place had.
    let _ = umount2(target, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW);
    make_target(target, kind == SFlag::S_IFDIR.bits())?;
    let source = format!("/proc/self/fd/{}", reached.as_raw_fd());
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(
        Some(source.as_str()),
        target,
        None::<&str>,
        flags,
        None::<&str>,
    )
    .map_err(|e| e.to_string())
}

fn make_target(target: &Path, directory: bool) -> Result<(), String> {
    let error = |e: std::io::Error| e.to_string();
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(error)?;
    }
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() == directory => return Ok(()),
        Ok(found) if found.is_dir() => fs::remove_dir(target).map_err(error)?,
        Ok(_) => fs::remove_file(target).map_err(error)?,
        Err(_) => {}
    }
    if directory {
        fs::create_dir(target).map_err(error)
    } else {
        fs::write(target, b"").map_err(error)
    }
}

/// Opens `path` below `base`, making directories that are not there: with the mode of the volume's own, so that whoever may write
/// to it may write to them.
fn reach(base: &Path, path: &str) -> Result<OwnedFd, String> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let root = open(
        base,
        OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_DIRECTORY,
        Mode::empty(),
    )
    .map_err(|e| e.to_string())?;
    match openat2(&root, path, how) {
        Ok(found) => return Ok(found),
        Err(Errno::ENOENT) => {}
        Err(error) => return Err(refusal(path, error)),
    }
    let mode = Mode::from_bits_truncate(fstat(&root).map_err(|e| e.to_string())?.st_mode);
    let mut reached = String::new();
    for component in Path::new(path).components() {
        let Component::Normal(name) = component else {
            return Err(refusal(path, Errno::EXDEV));
        };
        let parent = if reached.is_empty() {
            ".".to_owned()
        } else {
            reached.clone()
        };
        if !reached.is_empty() {
            reached.push('/');
        }
        reached.push_str(&name.to_string_lossy());
        match openat2(&root, reached.as_str(), how) {
            Ok(_) => {}
            Err(Errno::ENOENT) => {
                let parent = openat2(&root, parent.as_str(), how).map_err(|e| refusal(path, e))?;
                make(&parent, name, mode).map_err(|e| refusal(path, e))?;
            }
            Err(error) => return Err(refusal(path, error)),
        }
    }
    openat2(&root, path, how).map_err(|error| refusal(path, error))
}

/// Made by somebody else meanwhile, it is left as it is.
fn make(parent: &OwnedFd, name: &OsStr, mode: Mode) -> Result<(), Errno> {
    match mkdirat(parent, name, mode) {
        Err(Errno::EEXIST) => return Ok(()),
        made => made?,
    }
    // The process' mask has taken bits away. What stands there now is ours, or a link of the pod's, which is not followed.
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let made = openat(parent, name, flags, Mode::empty())?;
    fchmod(&made, mode)
}

fn refusal(path: &str, error: Errno) -> String {
    match error {
        Errno::EXDEV | Errno::ELOOP => format!("subPath {path:?} leads out of its volume"),
        error => format!("subPath {path:?}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_do_not_lead_out() {
        let outside = tempfile::tempdir().unwrap();
        let volume = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), volume.path().join("out")).unwrap();
        std::os::unix::fs::symlink("../..", volume.path().join("up")).unwrap();
        fs::create_dir(volume.path().join("in")).unwrap();
        std::os::unix::fs::symlink("in", volume.path().join("link")).unwrap();
        assert!(reach(volume.path(), "out").is_err());
        assert!(reach(volume.path(), "out/new").is_err());
        assert!(reach(volume.path(), "up/etc").is_err());
        assert!(reach(volume.path(), "link").is_ok());
        assert!(reach(volume.path(), "link/a/b").is_ok());
        assert!(volume.path().join("in/a/b").is_dir());
        assert!(fs::read_dir(outside.path()).unwrap().next().is_none());
    }

    #[test]
    fn what_is_made_can_be_written_by_whoever_may_write_to_the_volume() {
        use std::os::unix::fs::PermissionsExt;
        let volume = tempfile::tempdir().unwrap();
        fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o2777)).unwrap();
        reach(volume.path(), "a/b").unwrap();
        for made in ["a", "a/b"] {
            let mode = fs::metadata(volume.path().join(made))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o7777, 0o2777, "{made}");
        }
    }
}
