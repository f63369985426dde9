//! Control groups: limits, counting and killing, on version 2 and, where the host has only that, version 1.
//!
//! Processes are never moved from outside: a process joins by itself ([`Cgroup::join`]) or is born inside
//! ([`Cgroup::open_for_clone`]). Moving another process takes a lock whose first use after a pause waits for
//! an RCU grace period, about 20 ms, which alone would spend the budget of a pod's start.

mod convert;
mod devices;
mod hierarchy;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

pub use convert::weight_of_shares;
pub use hierarchy::Hierarchy;

use crate::cri::Resources;

/// One control group, by its path below the root of the hierarchy.
#[derive(Debug, Clone)]
pub struct Cgroup {
    hierarchy: Hierarchy,
    path: PathBuf,
}

/// What a group used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of memory, without cache that can be dropped at once (the working set).
    pub memory: u64,
    /// Nanoseconds of CPU time since the group was made.
    pub cpu: u64,
}

impl Cgroup {
    /// The group at `path` (relative, as `navarch/kubepods/pod1`); nothing is made yet.
    ///
    /// # Errors
    /// Where a component of the path is not a plain name.
    pub fn new(hierarchy: Hierarchy, path: &Path) -> io::Result<Self> {
        let relative = path.strip_prefix("/").unwrap_or(path);
        let plain = relative
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if !plain || relative.as_os_str().is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is not a cgroup path", path.display()),
            ));
        }
        Ok(Self {
            hierarchy,
            path: relative.to_path_buf(),
        })
    }

    /// The path below the hierarchy's root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the group and those above it. Idempotent.
    pub fn create(&self) -> io::Result<()> {
        match &self.hierarchy {
            Hierarchy::Unified(root) => v2::create(root, &self.path),
            Hierarchy::Legacy(mounts) => v1::create(mounts, &self.path),
        }
    }

    /// Sets the limits that are given; zero fields are left as they are.
    pub fn set(&self, resources: &Resources) -> io::Result<()> {
        match &self.hierarchy {
            Hierarchy::Unified(root) => v2::set(&root.join(&self.path), resources),
            Hierarchy::Legacy(mounts) => v1::set(mounts, &self.path, resources),
        }
    }

    /// Lets only the usual devices be used, and `extra` (lines as `c 10:200 rwm`).
    ///
    /// # Errors
    /// Also where a kernel with version 2 has no `CONFIG_CGROUP_BPF`: a container that could use any device must not run.
    pub fn limit_devices(&self, extra: &[String]) -> io::Result<()> {
        let allowed = devices::USUAL
            .into_iter()
            .chain(extra.iter().map(String::as_str));
        match &self.hierarchy {
            Hierarchy::Unified(root) => devices::limit(&root.join(&self.path), allowed),
            Hierarchy::Legacy(mounts) => v1::limit_devices(mounts, &self.path, allowed),
        }
    }

    /// Puts the calling process, which must have one thread, into the group.
    pub fn join(&self) -> io::Result<()> {
        match &self.hierarchy {
            Hierarchy::Unified(root) => v2::join(&root.join(&self.path)),
            Hierarchy::Legacy(mounts) => v1::join(mounts, &self.path),
        }
    }

    /// Moves another process into the group, slowly (see the module). Only where nobody waits for it.
    pub fn adopt(&self, pid: i32) -> io::Result<()> {
        self.directories().iter().try_for_each(|directory| {
            hierarchy::write(&directory.join("cgroup.procs"), &pid.to_string())
        })
    }

    /// The directory to hand to `clone3` with `CLONE_INTO_CGROUP`; `None` on version 1, where [`Self::join`] is cheap.
    pub fn open_for_clone(&self) -> io::Result<Option<OwnedFd>> {
        match &self.hierarchy {
            Hierarchy::Unified(root) => {
                std::fs::File::open(root.join(&self.path)).map(|file| Some(file.into()))
            }
            Hierarchy::Legacy(_) => Ok(None),
        }
    }

    /// Kills every process in the group and below it. They may still be dying when this returns.
    pub fn kill(&self) -> io::Result<()> {
        match &self.hierarchy {
            Hierarchy::Unified(root) => v2::kill(&root.join(&self.path)),
            Hierarchy::Legacy(mounts) => v1::kill(mounts, &self.path),
        }
    }

    /// How many processes of it the kernel killed for want of memory.
    pub fn oom_kills(&self) -> u64 {
        match &self.hierarchy {
            Hierarchy::Unified(root) => v2::oom_kills(&root.join(&self.path)),
            Hierarchy::Legacy(mounts) => v1::oom_kills(mounts, &self.path),
        }
    }

    /// What it uses; `None` when it is gone.
    pub fn usage(&self) -> Option<Usage> {
        match &self.hierarchy {
            Hierarchy::Unified(root) => v2::usage(&root.join(&self.path)),
            Hierarchy::Legacy(mounts) => v1::usage(mounts, &self.path),
        }
    }

    /// Whether any process is in the group or below it.
    pub fn is_populated(&self) -> bool {
        self.directories()
            .iter()
            .any(|directory| !hierarchy::processes(directory).is_empty())
    }

    /// Removes the group and those below it; what still runs in them is killed. Idempotent.
    ///
    /// # Errors
    /// `ResourceBusy` where processes did not die within a second.
    pub fn remove(&self) -> io::Result<()> {
        for directory in self.directories() {
            hierarchy::remove_tree(&directory, || self.kill())?;
        }
        Ok(())
    }

    /// Removes the group if nothing is in it. Idempotent.
    pub fn remove_if_unused(&self) -> io::Result<()> {
        for directory in self.directories() {
            match std::fs::remove_dir(&directory) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        io::ErrorKind::NotFound
                            | io::ErrorKind::ResourceBusy
                            | io::ErrorKind::DirectoryNotEmpty
                    ) =>
                {
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Its directories by controller, on version 1; none on version 2.
    pub fn by_controller(&self) -> Vec<(&str, PathBuf)> {
        match &self.hierarchy {
            Hierarchy::Unified(_) => Vec::new(),
            Hierarchy::Legacy(mounts) => mounts.by_controller(&self.path),
        }
    }

    fn directories(&self) -> Vec<PathBuf> {
        match &self.hierarchy {
            Hierarchy::Unified(root) => vec![root.join(&self.path)],
            Hierarchy::Legacy(mounts) => mounts.directories(&self.path),
        }
    }
}
