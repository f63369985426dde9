//! The files `/etc/passwd` and `/etc/group` of an image.

use std::io::Read;
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// A line of `passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// A line of `group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) members: Vec<String>,
}

/// Bytes that are read of either file; a stranger's image decides how long they are.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Reads a file under `rootfs`, following links as if `rootfs` were `/`; nothing where it cannot be read.
fn read(rootfs: &Path, path: &str) -> String {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT);
    let mut text = Vec::new();
    if let Ok(root) = std::fs::File::open(rootfs)
        && let Ok(file) = openat2(&root, path, how)
    {
        // What cannot be read to its end is used as far as it goes.
        let _ = std::fs::File::from(file)
            .take(MAX_FILE)
            .read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

pub(super) fn accounts(rootfs: &Path) -> Vec<Account> {
    read(rootfs, "etc/passwd")
        .lines()
        .filter_map(parse_account)
        .collect()
}

pub(super) fn groups(rootfs: &Path) -> Vec<Group> {
    read(rootfs, "etc/group")
        .lines()
        .filter_map(parse_group)
        .collect()
}

fn parse_account(line: &str) -> Option<Account> {
    let mut fields = line.trim().split(':');
    let (name, _password) = (fields.next()?, fields.next()?);
    Some(Account {
        name: name.to_owned(),
        uid: fields.next()?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
    })
}

fn parse_group(line: &str) -> Option<Group> {
    let mut fields = line.trim().split(':');
    let (name, _password) = (fields.next()?, fields.next()?);
    let gid = fields.next()?.parse().ok()?;
    let members = fields
        .next()
        .unwrap_or_default()
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    Some(Group {
        name: name.to_owned(),
        gid,
        members,
    })
}
