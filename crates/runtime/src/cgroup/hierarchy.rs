//! Which control group hierarchies the host has mounted, and what is the same on both versions.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the host's control groups are.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum Hierarchy {
    /// Version 2 at this directory, with all controllers.
    Unified(PathBuf),
    /// Version 1.
    Legacy(Mounts),
}

/// The mounts of version 1: a directory for each controller.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Mounts(Vec<(String, PathBuf)>);

/// The controllers that we use. The others cost time at every start and limit nothing we set.
const CONTROLLERS: [&str; 6] = ["cpu", "cpuacct", "memory", "pids", "freezer", "devices"];

impl Hierarchy {
    /// Looks at what is mounted.
    ///
    /// # Errors
    /// Where the mounts cannot be read or there is no usable hierarchy.
    pub fn detect() -> io::Result<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/mountinfo")?).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "no cgroup hierarchy is mounted")
        })
    }

    /// The hierarchy that `mountinfo` (the format of `/proc/self/mountinfo`) shows. Version 2 counts only where it is
    /// mounted as the one hierarchy: beside version 1 it has no controllers.
    pub(super) fn parse(mountinfo: &str) -> Option<Self> {
        let mut mounts = Mounts::default();
        let mut unified = None;
        for line in mountinfo.lines() {
            let (before, after) = line.split_once(" - ")?;
            let mount_point = PathBuf::from(before.split(' ').nth(4)?);
            let mut fields = after.split(' ');
            match fields.next() {
                Some("cgroup2") => unified = unified.or(Some(mount_point)),
                Some("cgroup") => {
                    for option in fields.nth(1).unwrap_or_default().split(',') {
                        if CONTROLLERS.contains(&option) && mounts.get(option).is_none() {
                            mounts.0.push((option.to_owned(), mount_point.clone()));
                        }
                    }
                }
                _ => {}
            }
        }
        if mounts.0.is_empty() {
            unified.map(Self::Unified)
        } else {
            Some(Self::Legacy(mounts))
        }
    }
}

impl Mounts {
    /// The directory of a controller's root.
    pub(super) fn get(&self, controller: &str) -> Option<&Path> {
        self.0
            .iter()
            .find(|(name, _)| name == controller)
            .map(|(_, mount)| mount.as_path())
    }

    /// The directories of the group at `path`, by controller.
    pub(super) fn by_controller<'a>(&'a self, path: &Path) -> Vec<(&'a str, PathBuf)> {
        let one = |(name, mount): &'a (String, PathBuf)| (name.as_str(), mount.join(path));
        self.0.iter().map(one).collect()
    }

    /// The directories of the group at `path`, one for each mount (controllers may share one).
    pub(super) fn directories(&self, path: &Path) -> Vec<PathBuf> {
        let mut directories: Vec<PathBuf> =
            self.0.iter().map(|(_, mount)| mount.join(path)).collect();
        directories.sort();
        directories.dedup();
        directories
    }
}

/// The processes in this directory and those below.
pub(super) fn processes(directory: &Path) -> Vec<i32> {
    let own = std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let mut pids: Vec<i32> = own
        .lines()
        .filter_map(|line| line.parse().ok())
        .filter(|pid| *pid > 0)
        .collect();
    for child in children(directory) {
        pids.extend(processes(&child));
    }
    pids
}

/// The groups right below.
pub(super) fn children(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// How often the removal of a group whose processes are dying is tried again, and how long apart. The kernel tells
/// nobody on version 1 when the last process of a group is gone.
const REMOVE_TRIES: u32 = 500;
const REMOVE_PAUSE: Duration = Duration::from_millis(2);

/// Removes the directory and those below it, calling `kill` as long as something in them lives.
// Called where waiting for the kernel is allowed; there is no event to wait for.
#[allow(clippy::disallowed_methods)]
pub(super) fn remove_tree(
    directory: &Path,
    kill: impl Fn() -> io::Result<()> + Copy,
) -> io::Result<()> {
    for child in children(directory) {
        remove_tree(&child, kill)?;
    }
    for attempt in 0..REMOVE_TRIES {
        match std::fs::remove_dir(directory) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                if attempt % 10 == 0 {
                    kill()?;
                }
                #[allow(
                    clippy::disallowed_methods,
                    reason = "cgroup v1 tells nobody when a group empties; callers run this on a blocking thread"
                )]
                std::thread::sleep(REMOVE_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        format!("{} has processes that do not die", directory.display()),
    ))
}

/// Writes a control file.
pub(super) fn write(path: &Path, value: &str) -> io::Result<()> {
    // Without `create`: a control file that is not there must not be made (in a test's directory, or on a tmpfs).
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()))
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("write {value:?} to {}: {error}", path.display()),
            )
        })
}

/// The number after `key` in a file of `key value` lines.
pub(super) fn field(path: &Path, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        line.strip_prefix(key)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    })
}

/// The number that is a file's content.
pub(super) fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}
