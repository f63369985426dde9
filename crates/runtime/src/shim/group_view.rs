//! What is seen of the control groups of version 1, in mounts of the forked child's own.
//!
//! Libcontainer is shown a cgroup file system of version 2, as which it looks at the path in the configuration alone, where there is
//! nothing to move (see [`crate::spec::Input::no_cgroup`]): for version 1 it would read the host's mounts a dozen times, and move its
//! children from outside, which waits for an RCU grace period. The container is shown its own groups, since version 1 has no namespace
//! that would do so.

use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

use crate::cgroup::Cgroup;
use crate::spec::{GROUPS, LEGACY_GROUPS};

const NONE: Option<&str> = None;

/// Covers what is mounted where libcontainer and the container look for control groups. Nothing where the host has version 2.
pub(super) fn show(cgroup: &Cgroup) -> io::Result<()> {
    if statfs(GROUPS)?.filesystem_type() == CGROUP2_SUPER_MAGIC {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNS)?;
    // The host's mounts stay: ours are slaves.
    mount(
        NONE,
        "/sys",
        NONE,
        MsFlags::MS_SLAVE | MsFlags::MS_REC,
        NONE,
    )?;
    collect(cgroup, Path::new(LEGACY_GROUPS))?;
    mount(Some("cgroup2"), GROUPS, Some("cgroup2"), flags(), NONE)?;
    Ok(())
}

/// Mounts the groups there, each below the name of its controller.
fn collect(cgroup: &Cgroup, place: &Path) -> io::Result<()> {
    let size = Some("mode=755,size=64k");
    mount(Some("tmpfs"), place, Some("tmpfs"), flags(), size)?;
    for (controller, group) in cgroup.by_controller() {
        let target = place.join(controller);
        std::fs::create_dir(&target)?;
        mount(Some(&group), &target, NONE, MsFlags::MS_BIND, NONE)?;
    }
    Ok(())
}

fn flags() -> MsFlags {
    MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC
}
