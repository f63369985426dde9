//! emptyDir: a directory, or memory.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::EmptyDirVolumeSource;
use nix::mount::{MsFlags, mount};

use crate::quantity::units;

/// Makes the volume. Made already, it is left as it is.
pub(super) fn make(
    directory: &Path,
    source: &EmptyDirVolumeSource,
    group: Option<u32>,
) -> Result<(), String> {
    if directory.is_dir() && source.medium.as_deref() != Some("Memory") {
        return Ok(());
    }
    fs::create_dir_all(directory).map_err(|e| e.to_string())?;
    match source.medium.as_deref() {
        Some("Memory") => {
            let size = source
                .size_limit
                .as_ref()
                .and_then(units)
                .filter(|s| *s > 0)
                .map(i64::unsigned_abs);
            if !mount_memory(directory, size, 0o1777) {
                // A directory in its place would fill the disk where memory was meant.
                return Err("tmpfs could not be mounted".to_owned());
            }
        }
        Some("") | None => {}
        Some(medium) => return Err(format!("unknown storage medium {medium:?}")),
    }
    let mode = if group.is_some() { 0o2777 } else { 0o777 };
    if let Some(group) = group {
        chown(directory, None, Some(group)).map_err(|e| e.to_string())?;
    }
    fs::set_permissions(directory, Permissions::from_mode(mode)).map_err(|e| e.to_string())
}

/// Mounts memory at the directory, unless something is mounted there. Whether it is memory now.
pub(super) fn mount_memory(directory: &Path, size: Option<u64>, mode: u32) -> bool {
    if is_mount_point(directory) {
        return true;
    }
    let size = size.map_or_else(|| "50%".to_owned(), |size| size.to_string());
    let options = format!("size={size},mode={mode:o}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let mounted = mount(
        Some("tmpfs"),
        directory,
        Some("tmpfs"),
        flags,
        Some(options.as_str()),
    );
    if let Err(error) = mounted {
        tracing::warn!(directory = %directory.display(), %error, "memory could not be mounted");
    }
    mounted.is_ok()
}

fn is_mount_point(directory: &Path) -> bool {
    let of = |path: &Path| fs::symlink_metadata(path).ok().map(|m| m.dev());
    directory
        .parent()
        .is_some_and(|parent| of(parent) != of(directory))
}

/// Bytes on disk below the directory. Links are not followed.
pub(super) fn usage(directory: &Path) -> u64 {
    let mut used = 0u64;
    let mut left: Vec<PathBuf> = vec![directory.to_path_buf()];
    while let Some(directory) = left.pop() {
        let Ok(entries) = fs::read_dir(directory) else {
            continue;
        };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            used = used.saturating_add(metadata.blocks().saturating_mul(512));
            if metadata.is_dir() {
                left.push(entry.path());
            }
        }
    }
    used
}
