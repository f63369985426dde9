//! Takes a pod's volumes away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

use crate::blocking::blocking;

/// Unmounts all that is mounted below the pod's directory, and removes its volumes.
pub(super) fn tear_down(pod: &Path) -> Result<(), String> {
    let places = ["volumes", "volume-subpaths"].map(|name| pod.join(name));
    // The table has all pods' mounts, and is long to read.
    if places.iter().any(|place| !is_empty(place)) {
        unmount_below(pod)?;
    }
    for place in places {
        match fs::remove_dir_all(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.to_string()),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a directory holds nothing or is not there.
fn is_empty(directory: &Path) -> bool {
    match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn unmount_below(pod: &Path) -> Result<(), String> {
    let points = mounted_below(pod)?;
    for point in &points {
        umount2(point, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)
            .map_err(|error| format!("{} could not be unmounted: {error}", point.display()))?;
    }
    if points.is_empty() {
        return Ok(());
    }
    // Removing what is mounted still would remove what is not ours.
    match mounted_below(pod)?.first() {
        Some(left) => Err(format!("{} is still mounted", left.display())),
        None => Ok(()),
    }
}

/// Takes away the volumes and directories of all pods of a node that does not run any more. For `navarch down`. Idempotent.
///
/// # Errors
/// Where something stays mounted or cannot be removed; in words.
pub async fn remove_everything(data_dir: &Path) -> Result<(), String> {
    let pods = data_dir.join("pods");
    let remove = move || {
        let entries = match fs::read_dir(&pods) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|error| error.to_string())?,
        };
        for pod in entries.flatten() {
            tear_down(&pod.path())?;
        }
        fs::remove_dir_all(&pods).map_err(|error| error.to_string())
    };
    blocking(remove).await.map_err(|error| error.to_string())?
}

/// The innermost first.
fn mounted_below(pod: &Path) -> Result<Vec<PathBuf>, String> {
    let table = fs::read_to_string("/proc/self/mountinfo").map_err(|e| e.to_string())?;
    let real = fs::canonicalize(pod).unwrap_or_else(|_| pod.to_path_buf());
    let points = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(unescape);
    let mut below: Vec<PathBuf> = points
        .filter(|point| point.starts_with(&real) && *point != real)
        .collect();
    below.reverse();
    Ok(below)
}

/// `\040` and the like.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let octal = bytes
            .get(at + 1..at + 4)
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match (byte, octal) {
            (b'\\', Some(value)) => {
                out.push(value);
                at += 4;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(out))
}
