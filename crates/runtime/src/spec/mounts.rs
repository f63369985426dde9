//! The mounts of a container, in order.

use std::path::Path;

use serde_json::{Value, json};

use super::Input;
use crate::cri::{Mount, MountPropagation};

/// Where control groups are looked for.
pub(crate) const GROUPS: &str = "/sys/fs/cgroup";
/// Where the shim shows libcontainer what the container is to see of its groups of version 1: over a directory of sysfs that making a
/// container needs nothing of.
pub(crate) const LEGACY_GROUPS: &str = "/sys/dev";

pub(super) fn build(input: &Input<'_>) -> Vec<Value> {
    let mut mounts = system(input);
    let mut own: Vec<&Mount> = input.config.mounts.iter().collect();
    // Parents before what lies in them.
    own.sort_by_key(|mount| mount.container_path.components().count());
    mounts.extend(own.into_iter().map(bind));
    mounts
}

fn system(input: &Input<'_>) -> Vec<Value> {
    let privileged = input.config.security.privileged;
    let sys_mode = if privileged { "rw" } else { "ro" };
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        mount(
            "/dev/mqueue",
            "mqueue",
            "mqueue",
            &["nosuid", "noexec", "nodev"],
        ),
        mount(
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", sys_mode],
        ),
    ];
    let flags = ["nosuid", "noexec", "nodev", "relatime", sys_mode];
    mounts.push(if input.unified {
        mount(GROUPS, "cgroup2", "cgroup", &flags)
    } else {
        let mode = if privileged { "rw" } else { "rro" };
        let options = ["rbind", "nosuid", "noexec", "nodev", mode];
        mount(GROUPS, "bind", LEGACY_GROUPS, &options)
    });
    let mut add = |target: &str, source: &Path, mode: &'static str| {
        if !input
            .config
            .mounts
            .iter()
            .any(|mount| mount.container_path == Path::new(target))
        {
            mounts.push(json!({"destination": target, "type": "bind", "source": source, "options": ["rbind", "rprivate", mode]}));
        }
    };
    let mode = if input.config.security.readonly_rootfs {
        "ro"
    } else {
        "rw"
    };
    add("/dev/shm", &input.files.shm, "rw");
    add("/etc/hostname", &input.files.hostname, mode);
    if let Some(resolv_conf) = &input.files.resolv_conf {
        add("/etc/resolv.conf", resolv_conf, mode);
    }
    mounts
}

fn mount(target: &str, kind: &str, source: &str, options: &[&str]) -> Value {
    json!({"destination": target, "type": kind, "source": source, "options": options})
}

fn bind(mount: &Mount) -> Value {
    let propagation = match mount.propagation {
        MountPropagation::None => "rprivate",
        MountPropagation::HostToContainer => "rslave",
        MountPropagation::Bidirectional => "rshared",
    };
    let mode = if mount.readonly { "ro" } else { "rw" };
    json!({"destination": mount.container_path, "type": "bind", "source": mount.host_path, "options": ["rbind", propagation, mode]})
}
