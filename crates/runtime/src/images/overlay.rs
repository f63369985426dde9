//! Mounting overlays.
//!
//! The new mount API takes each lower directory by itself (`lowerdir+`, Linux 6.5), so that any number of layers fits, and
//! gives a mount that is attached nowhere. Older kernels get mount(2), whose options must fit a page: the directories
//! are named `/proc/self/fd/N` there, which makes room for 200 of them.

use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount,
};

const OVERLAYFS_MAGIC: i64 = 0x794c_7630;

/// What an overlay is made of. It is mounted `volatile`, without a sync of its own: a container's changes are of no use after the
/// host crashed, and layers are synced when they are whole.
#[derive(Debug, Clone)]
pub(super) struct Overlay {
    /// Read-only directories, the topmost first.
    pub(super) lower: Vec<PathBuf>,
    /// The directory that takes the changes.
    pub(super) upper: PathBuf,
    /// The kernel's own, beside `upper`.
    pub(super) work: PathBuf,
}

impl Overlay {
    /// Mounts it nowhere: it lives as long as the descriptor.
    pub(super) fn detached(&self, scratch: &Path) -> io::Result<OwnedFd> {
        match self.new_api() {
            Err(Errno::INVAL | Errno::NOSYS) => {}
            other => return self.explain(other.map_err(io::Error::from)),
        }
        std::fs::create_dir_all(scratch)?;
        self.explain(self.old_api(scratch))?;
        let directory = rustix::fs::open(
            scratch,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        );
        rustix::mount::unmount(scratch, UnmountFlags::DETACH)?;
        Ok(directory?)
    }

    /// Mounts it at a path.
    pub(super) fn mount_at(&self, target: &Path) -> io::Result<()> {
        let mount = match self.new_api() {
            Err(Errno::INVAL | Errno::NOSYS) => return self.explain(self.old_api(target)),
            other => self.explain(other.map_err(io::Error::from))?,
        };
        Ok(move_mount(
            &mount,
            "",
            CWD,
            target,
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        )?)
    }

    fn new_api(&self) -> rustix::io::Result<OwnedFd> {
        let fs = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&fs, "source", "overlay")?;
        for lower in &self.lower {
            fsconfig_set_string(&fs, "lowerdir+", lower)?;
        }
        fsconfig_set_string(&fs, "upperdir", &self.upper)?;
        fsconfig_set_string(&fs, "workdir", &self.work)?;
        for option in ["index", "metacopy", "redirect_dir"] {
            fsconfig_set_string(&fs, option, "off")?;
        }
        fsconfig_set_flag(&fs, "volatile")?;
        fsconfig_create(&fs)?;
        fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
    }

    fn old_api(&self, target: &Path) -> io::Result<()> {
        let open = |path: &PathBuf| {
            rustix::fs::open(
                path,
                OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        let lower = self.lower.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let (upper, work) = (open(&self.upper)?, open(&self.work)?);
        let mut options = String::from("volatile,index=off,metacopy=off,redirect_dir=off,");
        options.push_str("lowerdir=");
        for (n, fd) in lower.iter().enumerate() {
            let colon = if n == 0 { "" } else { ":" };
            // Writing to a String cannot fail.
            let _ = write!(options, "{colon}/proc/self/fd/{}", fd.as_raw_fd());
        }
        let _ = write!(
            options,
            ",upperdir=/proc/self/fd/{},workdir=/proc/self/fd/{}",
            upper.as_raw_fd(),
            work.as_raw_fd()
        );
        let options = std::ffi::CString::new(options).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(rustix::mount::mount(
            "overlay",
            target,
            "overlay",
            MountFlags::empty(),
            Some(options.as_c_str()),
        )?)
    }

    /// Says what the kernel only logs: why the file system will not do.
    fn explain<T>(&self, mounted: io::Result<T>) -> io::Result<T> {
        mounted.map_err(|e| {
            let place = self.upper.display();
            let why = match rustix::fs::statfs(&self.upper) {
                Ok(stat) if stat.f_type == OVERLAYFS_MAGIC => {
                    format!("{place} is on overlayfs, which cannot hold another overlay: keep the data directory on ext4, xfs, btrfs or tmpfs")
                }
                _ => format!("mounting an overlay on {place}: {e}"),
            };
            io::Error::new(e.kind(), why)
        })
    }
}

/// Whether a path is where something is mounted.
pub(super) fn is_mounted(path: &Path) -> bool {
    let stat = rustix::fs::statx(
        CWD,
        path,
        rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        StatxFlags::empty(),
    );
    stat.is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Unmounts what is mounted at a path, also where it is in use. Nothing mounted: nothing done.
pub(super) fn unmount(path: &Path) -> io::Result<()> {
    match rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(dir: &Path, layers: usize) -> Overlay {
        let make = |name: String| {
            let path = dir.join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let lower: Vec<_> = (0..layers)
            .map(|n| make(format!("{}/{n}", "long-name-of-a-layer".repeat(4))))
            .collect();
        for (n, path) in lower.iter().enumerate() {
            std::fs::write(path.join(format!("file-{n}")), "").unwrap();
        }
        Overlay {
            lower,
            upper: make("upper".into()),
            work: make("work".into()),
        }
    }

    #[test]
    fn more_layers_than_a_page_of_options_holds_are_mounted() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        std::fs::create_dir(&target).unwrap();
        assert!(!is_mounted(&target));
        overlay(dir.path(), 120).mount_at(&target).unwrap();
        assert!(is_mounted(&target));
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 120);
        unmount(&target).unwrap();
        unmount(&target).unwrap();
        assert!(!is_mounted(&target));
    }

    #[test]
    fn a_path_longer_than_the_new_api_takes_is_mounted() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(200)).join("e".repeat(200));
        let target = deep.join("target");
        std::fs::create_dir_all(&target).unwrap();
        overlay(&deep, 2).mount_at(&target).unwrap();
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 2);
        unmount(&target).unwrap();
    }

    #[test]
    fn an_older_kernel_mounts_as_many() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        std::fs::create_dir(&target).unwrap();
        overlay(dir.path(), 120).old_api(&target).unwrap();
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 120);
        unmount(&target).unwrap();
    }

    #[test]
    fn an_overlay_on_an_overlay_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        std::fs::create_dir(&target).unwrap();
        overlay(dir.path(), 1).mount_at(&target).unwrap();
        let nested = overlay(&target, 1);
        let (mount, detached) = (
            nested.mount_at(&nested.lower[0]),
            nested.detached(&target.join("scratch")),
        );
        unmount(&target).unwrap();
        for error in [mount.unwrap_err(), detached.unwrap_err()] {
            assert!(error.to_string().contains("is on overlayfs"), "{error}");
        }
    }
}
