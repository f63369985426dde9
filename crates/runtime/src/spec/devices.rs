//! Host devices in a container.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cri::{ContainerConfig, Error, Result};

/// One device node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    path: PathBuf,
    kind: char,
    major: u64,
    minor: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    permissions: String,
}

impl Device {
    /// A line for the devices cgroup: `c 10:200 rwm`.
    pub fn rule(&self) -> String {
        format!(
            "{} {}:{} {}",
            self.kind, self.major, self.minor, self.permissions
        )
    }

    pub(super) fn to_oci(&self) -> Value {
        json!({
            "path": self.path, "type": self.kind.to_string(), "major": self.major, "minor": self.minor,
            "fileMode": self.mode, "uid": self.uid, "gid": self.gid,
        })
    }

    fn at(host: &Path, container: &Path, permissions: &str) -> Option<Self> {
        let metadata = std::fs::metadata(host).ok()?;
        let kind = match metadata.file_type() {
            kind if kind.is_char_device() => 'c',
            kind if kind.is_block_device() => 'b',
            _ => return None,
        };
        Some(Self {
            path: container.to_path_buf(),
            kind,
            major: nix::sys::stat::major(metadata.rdev()),
            minor: nix::sys::stat::minor(metadata.rdev()),
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            permissions: permissions.to_owned(),
        })
    }
}

/// The devices a container gets beside the default ones; a privileged one gets all of the host's.
///
/// # Errors
/// `Invalid` where a host path is no device or the place for it is not under `/dev`.
pub fn devices_of(config: &ContainerConfig) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    if config.security.privileged {
        host_devices(Path::new("/dev"), 0, &mut devices);
    }
    for mapping in &config.devices {
        if !mapping.container_path.starts_with("/dev/")
            || mapping
                .container_path
                .components()
                .any(|part| part.as_os_str() == "..")
        {
            return Err(Error::Invalid(format!(
                "device path {} is not under /dev",
                mapping.container_path.display()
            )));
        }
        let device = Device::at(
            &mapping.host_path,
            &mapping.container_path,
            &mapping.permissions,
        )
        .ok_or_else(|| {
            Error::Invalid(format!(
                "error gathering device information: {} is not a device node",
                mapping.host_path.display()
            ))
        })?;
        devices.retain(|other: &Device| other.path != device.path);
        devices.push(device);
    }
    Ok(devices)
}

/// Directories of `/dev` that each container has of its own.
const OWN: [&str; 4] = ["pts", "shm", "mqueue", "fd"];
/// Nodes that libcontainer makes or that mean the container's own terminal.
const MADE: [&str; 9] = [
    "null", "zero", "full", "tty", "urandom", "random", "console", "ptmx", "core",
];
/// How deep `/dev` is looked at.
const DEPTH: u32 = 4;

fn host_devices(directory: &Path, depth: u32, devices: &mut Vec<Device>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth < DEPTH && !OWN.iter().any(|own| name == *own) {
            host_devices(&path, depth + 1, devices);
        } else if (kind.is_char_device() || kind.is_block_device())
            && !MADE.iter().any(|made| name == *made)
        {
            devices.extend(Device::at(&path, &path, "rwm"));
        }
    }
}
