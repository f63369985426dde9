//! What a container is to the kernel: from a [`ContainerConfig`] and an image to an OCI runtime configuration.

mod capabilities;
mod devices;
mod mounts;
mod passwd;
mod process;
mod user;
mod working_directory;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cri::{
    ContainerConfig, ImageConfig, MountPropagation, NamespaceMode, Result, SandboxConfig,
};

pub use capabilities::{bounding, capabilities_of};
pub use devices::{Device, devices_of};
pub(crate) use mounts::{GROUPS, LEGACY_GROUPS};
pub use process::Process;
pub use user::{ResolvedUser, resolve_user};
pub use working_directory::make_working_directory;

/// What a sandbox gives its containers.
#[derive(Debug, Clone)]
pub struct SandboxFiles {
    /// Holds `net` and `pid`, those that the pod has of its own.
    pub namespaces: PathBuf,
    /// The pod's shared memory.
    pub shm: PathBuf,
    /// For `/etc/hostname`.
    pub hostname: PathBuf,
    /// For `/etc/resolv.conf`, where the runtime makes one.
    pub resolv_conf: Option<PathBuf>,
}

/// All that a container is made of.
#[derive(Debug)]
pub struct Input<'a> {
    /// Its pod.
    pub sandbox: &'a SandboxConfig,
    /// Its pod's files.
    pub files: &'a SandboxFiles,
    /// Itself.
    pub config: &'a ContainerConfig,
    /// What its image says.
    pub image: &'a ImageConfig,
    /// Whether the host's control groups are version 2: then it has a namespace of them.
    pub unified: bool,
    /// A directory whose `cgroup.procs` takes everything and does nothing; libcontainer is to move processes there.
    pub no_cgroup: &'a Path,
    /// Its root file system, mounted.
    pub rootfs: &'a Path,
    /// The process whose process namespace it joins, where each of the pod's containers has its own.
    pub target: Option<i32>,
}

/// A container ready to be made.
#[derive(Debug)]
pub struct Bundle {
    /// The content of `config.json`. It names no capabilities, seccomp filter, cgroup limits or OOM score: those are applied by the
    /// shim around libcontainer, which would take longer or not do it for exec.
    pub config: Value,
    /// Its main process, also the model of those that exec adds.
    pub process: Process,
    /// Devices beside the default ones, also for the devices cgroup.
    pub devices: Vec<Device>,
}

/// Makes the configuration.
///
/// # Errors
/// `Invalid`, with words for the user, where the configuration or the image is at fault.
pub fn build(input: &Input<'_>) -> Result<Bundle> {
    let process = process::build(input)?;
    let devices = devices_of(input.config)?;
    let security = &input.config.security;
    let mut linux = json!({
        // Taken as relative to the cgroup file system's mount, from which it leads away.
        "cgroupsPath": format!("../../..{}", input.no_cgroup.display()),
        "namespaces": namespaces(input),
        "devices": devices.iter().map(Device::to_oci).collect::<Vec<_>>(),
    });
    if !(security.privileged || security.unmasked_proc) {
        linux["maskedPaths"] = json!(MASKED_PATHS);
        linux["readonlyPaths"] = json!(READONLY_PATHS);
    }
    if let Some(propagation) = rootfs_propagation(input.config) {
        linux["rootfsPropagation"] = json!(propagation);
    }
    let config = json!({
        "ociVersion": "1.2.0",
        "root": {"path": input.rootfs, "readonly": security.readonly_rootfs},
        "process": process.to_oci(),
        "mounts": mounts::build(input),
        "linux": linux,
    });
    Ok(Bundle {
        config,
        process,
        devices,
    })
}

/// Paths that tell of the host or change it, hidden from containers that are not privileged. Docker's and containerd's list.
const MASKED_PATHS: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Paths that can be read only.
const READONLY_PATHS: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

fn namespaces(input: &Input<'_>) -> Vec<Value> {
    let pinned = |name: &str| input.files.namespaces.join(name);
    // The shim is in those that have no pin. Shims of earlier versions of this program stay outside and have one for each.
    let by_pin = |kind: &str, name: &str| {
        let path = pinned(name);
        path.exists().then(|| json!({"type": kind, "path": path}))
    };
    let mut namespaces = vec![json!({"type": "mount"})];
    if input.sandbox.network != NamespaceMode::Node {
        namespaces.push(json!({"type": "network", "path": pinned("net")}));
        namespaces.extend(by_pin("uts", "uts"));
    }
    if input.unified {
        namespaces.push(json!({"type": "cgroup"}));
    }
    if input.sandbox.ipc != NamespaceMode::Node {
        namespaces.extend(by_pin("ipc", "ipc"));
    }
    match input.sandbox.pid {
        NamespaceMode::Node => {}
        NamespaceMode::Pod => namespaces.push(json!({"type": "pid", "path": pinned("pid")})),
        NamespaceMode::Container => namespaces.push(match input.target {
            Some(pid) => json!({"type": "pid", "path": format!("/proc/{pid}/ns/pid")}),
            None => json!({"type": "pid"}),
        }),
    }
    namespaces
}

fn rootfs_propagation(config: &ContainerConfig) -> Option<&'static str> {
    let has = |wanted| {
        config
            .mounts
            .iter()
            .any(|mount| mount.propagation == wanted)
    };
    if has(MountPropagation::Bidirectional) {
        Some("shared")
    } else if has(MountPropagation::HostToContainer) {
        Some("slave")
    } else {
        None
    }
}
