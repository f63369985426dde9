//! The run directory is in memory, as `/run` is on most hosts: what is in it is made and removed with every pod and is of no use
//! after a reboot, and a disk's file system takes milliseconds to find a free inode where many were just removed.

use std::io;
use std::path::Path;

use rustix::mount::MountFlags;

const TMPFS_MAGIC: i64 = 0x0102_1994;

/// Mounts memory on a directory that is not in memory and holds nothing.
pub(super) fn put(directory: &Path) -> io::Result<()> {
    let in_memory = rustix::fs::statfs(directory)?.f_type == TMPFS_MAGIC;
    // What an earlier version of this program has put there may live.
    if in_memory || std::fs::read_dir(directory)?.next().is_some() {
        return Ok(());
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("tmpfs", directory, "tmpfs", flags, Some(c"mode=700"))?;
    Ok(())
}
