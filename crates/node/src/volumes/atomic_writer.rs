//! Files that change all at once: a directory of a new name, and `..data`, a link to it that is replaced.
//!
//! As Kubernetes lays volumes out, since programs watch `..data`.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use super::payload::Payload;

const DATA: &str = "..data";
const NEXT: &str = "..data_tmp";

/// Makes the directory show these files, and no others. Nothing is touched where they are shown already.
pub(super) fn write(directory: &Path, payload: &Payload, group: Option<u32>) -> io::Result<()> {
    let before = fs::read_link(directory.join(DATA)).ok();
    if let Some(old) = &before
        && is_current(&directory.join(old), payload)
    {
        // A crash may have come between the swap and the links.
        return link(directory, payload);
    }
    let name = fresh_name(directory)?;
    let fresh = directory.join(&name);
    if let Err(error) = fill(&fresh, payload, group) {
        let _ = fs::remove_dir_all(&fresh);
        return Err(error);
    }
    let next = directory.join(NEXT);
    let _ = fs::remove_file(&next);
    symlink(&name, &next)?;
    fs::rename(&next, directory.join(DATA))?;
    link(directory, payload)?;
    remove_stale(directory, payload, &name)
}

fn fresh_name(directory: &Path) -> io::Result<String> {
    for number in 0..u32::MAX {
        let name = format!("..{number:010}");
        match fs::create_dir(directory.join(&name)) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no name is free"))
}

fn fill(fresh: &Path, payload: &Payload, group: Option<u32>) -> io::Result<()> {
    let directory_mode = if group.is_some() { 0o2755 } else { 0o755 };
    let owned = |path: &Path, user: Option<u32>, mode: u32| {
        if user.is_some() || group.is_some() {
            chown(path, user, group)?;
        }
        fs::set_permissions(path, Permissions::from_mode(mode))
    };
    owned(fresh, None, directory_mode)?;
    for (path, file) in payload {
        let target = fresh.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
            for directory in parent.ancestors().take_while(|d| *d != fresh) {
                owned(directory, None, directory_mode)?;
            }
        }
        fs::write(&target, &file.content)?;
        // Volumes of objects are read-only: the group may read.
        owned(
            &target,
            file.owner,
            if group.is_some() {
                file.mode | 0o440
            } else {
                file.mode
            },
        )?;
    }
    Ok(())
}

fn is_current(data: &Path, payload: &Payload) -> bool {
    let mut there = BTreeSet::new();
    if !walk(data, data, &mut there) || there.len() != payload.len() {
        return false;
    }
    payload.iter().all(|(path, file)| {
        there.contains(path) && fs::read(data.join(path)).is_ok_and(|c| c == file.content)
    })
}

fn walk(root: &Path, directory: &Path, found: &mut BTreeSet<String>) -> bool {
    let Ok(entries) = fs::read_dir(directory) else {
        return false;
    };
    for entry in entries {
        let Ok(entry) = entry else { return false };
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            return false;
        };
        if kind.is_dir() {
            if !walk(root, &path, found) {
                return false;
            }
        } else if let Ok(relative) = path.strip_prefix(root) {
            found.insert(relative.to_string_lossy().into_owned());
        }
    }
    true
}

fn top(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

fn link(directory: &Path, payload: &Payload) -> io::Result<()> {
    for name in payload
        .keys()
        .map(|path| top(path))
        .collect::<BTreeSet<_>>()
    {
        match symlink(Path::new(DATA).join(name), directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn remove_stale(directory: &Path, payload: &Payload, current: &str) -> io::Result<()> {
    let shown: BTreeSet<&str> = payload.keys().map(|path| top(path)).collect();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == DATA || name == current || shown.contains(name.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
