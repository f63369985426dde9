//! File operations confined to one directory tree.
//!
//! Every path is resolved by the kernel with the tree as its root (`openat2` with `RESOLVE_IN_ROOT`): an absolute link or
//! `..` inside can lead about in the tree, never out of it. The last component is never followed.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::tarball::malformed;

/// Bytes of a path, as Linux bounds it.
const MAX_PATH: usize = 4096;
/// Bytes of one component.
const MAX_NAME: usize = 255;

/// A clean relative path: components without `.`, `..` and empty ones.
pub(super) fn components(path: &[u8]) -> io::Result<Vec<CString>> {
    if path.len() > MAX_PATH {
        return Err(malformed("path is too long"));
    }
    let mut components = Vec::new();
    for name in path
        .split(|b| *b == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
    {
        if name == b".." {
            return Err(malformed("path leads out of the image"));
        }
        if name.len() > MAX_NAME {
            return Err(malformed("file name is too long"));
        }
        components.push(CString::new(name).map_err(|_| malformed("path holds a zero byte"))?);
    }
    Ok(components)
}

fn join(components: &[CString]) -> CString {
    if components.is_empty() {
        return c".".to_owned();
    }
    let bytes = components
        .iter()
        .map(|c| c.to_bytes())
        .collect::<Vec<_>>()
        .join(&b'/');
    // The components hold no zero byte.
    CString::new(bytes).unwrap_or_default()
}

/// A directory whose content can be changed without touching anything outside it.
pub(super) struct Tree {
    root: OwnedFd,
    /// The directory the last entry was in: entries of one directory follow each other.
    last: Option<(Vec<CString>, OwnedFd)>,
}

impl Tree {
    pub(super) fn new(root: OwnedFd) -> Self {
        Self { root, last: None }
    }

    /// Opens an existing directory; links on the way are followed inside the tree.
    pub(super) fn directory(&self, path: &[CString]) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(rustix::fs::openat2(
            &self.root,
            join(path),
            flags,
            Mode::empty(),
            resolve,
        )?)
    }

    /// The directory that holds (or will hold) an entry; missing ones are made, with mode 0755 and owned by root.
    pub(super) fn parent(&mut self, path: &[CString]) -> io::Result<BorrowedFd<'_>> {
        if self
            .last
            .as_ref()
            .is_none_or(|(last, _)| last.as_slice() != path)
        {
            let fd = match self.directory(path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => self.make_directories(path)?,
                other => other?,
            };
            self.last = Some((path.to_vec(), fd));
        }
        // Set just above.
        self.last
            .as_ref()
            .map(|(_, fd)| fd.as_fd())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn make_directories(&self, path: &[CString]) -> io::Result<OwnedFd> {
        let mut fd = self.directory(&[])?;
        for depth in 1..=path.len() {
            fd = match self.directory(&path[..depth]) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    rustix::fs::mkdirat(
                        &fd,
                        path[depth - 1].as_c_str(),
                        Mode::from_raw_mode(0o755),
                    )?;
                    self.directory(&path[..depth])?
                }
                other => other?,
            };
        }
        Ok(fd)
    }

    /// Removes what stands at `name` in the directory of [`Tree::parent`], with all below it.
    pub(super) fn remove(&mut self, parent: &[CString], name: &CStr) -> io::Result<()> {
        remove(self.parent(parent)?, name)?;
        // The directory remembered may have been below it.
        self.last = None;
        Ok(())
    }
}

/// What stands at a name, not followed; `None` where nothing does.
pub(super) fn file_type(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<Option<FileType>> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

pub(super) fn open_child_directory(parent: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}

/// Names in a directory, without `.` and `..`.
pub(super) fn names(directory: impl AsFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes a file, or a directory with all below it. Nothing there: nothing done.
///
/// A container may leave directories nested deeper than the stack or the table of open files would bear, so this descends
/// with one open directory and comes back by `..`, which is safe because nobody else changes the tree meanwhile.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(e) => return Err(e.into()),
    }
    let mut here = open_child_directory(parent, name)?;
    let mut path: Vec<CString> = Vec::new();
    loop {
        if let Some(child) = empty_files(&here)? {
            here = open_child_directory(&here, &child)?;
            path.push(child);
        } else if let Some(done) = path.pop() {
            here = open_child_directory(&here, c"..")?;
            rustix::fs::unlinkat(&here, done.as_c_str(), AtFlags::REMOVEDIR)?;
        } else {
            return Ok(rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?);
        }
    }
}

/// Removes files until a directory comes, which is told.
fn empty_files(directory: &OwnedFd) -> io::Result<Option<CString>> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::ISDIR | Errno::PERM) => return Ok(Some(name.to_owned())),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(None)
}

/// Removes a path of the host's own naming, with all below it.
pub(super) fn remove_path(path: &std::path::Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = match rustix::fs::open(parent, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    let name = CString::new(std::os::unix::ffi::OsStrExt::as_bytes(name))
        .map_err(|_| io::ErrorKind::InvalidInput)?;
    remove(parent.as_fd(), &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_climbs_is_refused() {
        for bad in [&b"../x"[..], b"a/../../x", b"a/..", b"..", b"a\0b"] {
            assert!(components(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            components(b"/a//./b/").unwrap(),
            [c"a".to_owned(), c"b".to_owned()]
        );
    }

    #[test]
    fn a_tree_deeper_than_open_files_and_paths_allow_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let top = rustix::fs::open(
            dir.path(),
            OFlags::RDONLY | OFlags::DIRECTORY,
            Mode::empty(),
        )
        .unwrap();
        let mut here = top.try_clone().unwrap();
        for _ in 0..5000 {
            rustix::fs::mkdirat(&here, c"d", Mode::from_raw_mode(0o700)).unwrap();
            rustix::fs::symlinkat("/etc", &here, c"link").unwrap();
            here = open_child_directory(&here, c"d").unwrap();
        }
        drop(here);
        remove(top.as_fd(), c"d").unwrap();
        assert_eq!(names(&top).unwrap(), [c"link".to_owned()]);
        assert!(std::path::Path::new("/etc/passwd").exists());
    }
}
