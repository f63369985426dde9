//! A layer's tar stream to files.
//!
//! The layer is applied to what is there: on an overlay of its parents it becomes the upper directory, and the kernel turns a
//! removal into a whiteout (a character device 0/0) and the replacement of a directory into an opaque one
//! (`trusted.overlay.opaque`), and copies the owner and mode of directories that the layer names only in passing.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::tarball::{Entry, Kind, Tarball, malformed};
use super::tree::{self, Tree};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// The beginning of names that AUFS kept for itself; old archives hold some.
const AUFS: &[u8] = b".wh..wh.";

/// What one layer may hold at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Entries.
    pub(super) entries: u64,
    /// Bytes of the unpacked stream.
    pub(super) bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 1 << 20,
            bytes: 64 << 30,
        }
    }
}

/// What was unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// Bytes of files.
    pub(super) bytes: u64,
    /// Entries.
    pub(super) entries: u64,
}

/// Where a layer goes.
pub(super) struct Target {
    /// The file system as it will be seen: the layer's directory, or an overlay of it over its parents.
    pub(super) view: OwnedFd,
    /// The layer's own directory, where `view` shows more than it. `None`: there are no parents.
    pub(super) own: Option<OwnedFd>,
}

/// Applies a layer. The stream is read to its end. Errors name the entry.
pub(super) fn unpack(stream: impl Read, target: Target, limits: Limits) -> io::Result<Unpacked> {
    let mut tarball = Tarball::new(stream);
    let mut layer = Layer {
        tree: Tree::new(target.view),
        own: target.own.map(Tree::new),
        directories: Vec::new(),
    };
    let mut done = Unpacked::default();
    while let Some(entry) = tarball.next()? {
        let named = |e: io::Error| {
            io::Error::new(
                e.kind(),
                format!("entry {:?}: {e}", String::from_utf8_lossy(&entry.path)),
            )
        };
        done.entries += 1;
        done.bytes = done.bytes.saturating_add(entry.size);
        if done.entries > limits.entries || done.bytes > limits.bytes {
            return Err(malformed("the layer is larger than is allowed"));
        }
        layer.apply(&entry, &mut tarball).map_err(named)?;
    }
    tarball.drain(limits.bytes)?;
    layer.finish()?;
    Ok(done)
}

struct Layer {
    tree: Tree,
    own: Option<Tree>,
    /// Directories and the times they get at the end, when nothing is written into them any more.
    directories: Vec<(Vec<CString>, Timestamps)>,
}

impl Layer {
    fn apply(&mut self, entry: &Entry, data: &mut Tarball<impl Read>) -> io::Result<()> {
        let path = tree::components(&entry.path)?;
        let Some((name, parent)) = path.split_last() else {
            return self.apply_root(entry);
        };
        if name.to_bytes().starts_with(WHITEOUT) {
            return self.whiteout(parent, name);
        }
        match tree::file_type(self.tree.parent(parent)?, name)? {
            Some(FileType::Directory) if entry.kind == Kind::Directory => {}
            Some(_) => {
                self.tree.remove(parent, name)?;
                self.create(entry, parent, name, data)?;
            }
            None => self.create(entry, parent, name, data)?,
        }
        if entry.kind == Kind::Directory {
            set_attributes(self.tree.parent(parent)?, name, entry)?;
            self.directories.push((path, times(entry)));
        }
        Ok(())
    }

    /// The root itself: only its attributes.
    fn apply_root(&mut self, entry: &Entry) -> io::Result<()> {
        if entry.kind != Kind::Directory {
            return Err(malformed("the root is not a directory"));
        }
        let root = self.tree.directory(&[])?;
        set_open_attributes(root.as_fd(), entry)?;
        self.directories.push((Vec::new(), times(entry)));
        Ok(())
    }

    fn create(
        &mut self,
        entry: &Entry,
        parent: &[CString],
        name: &CStr,
        data: &mut Tarball<impl Read>,
    ) -> io::Result<()> {
        if entry.kind == Kind::Hardlink {
            return self.hard_link(entry, parent, name);
        }
        let directory = self.tree.parent(parent)?;
        let node = |kind| {
            let device = rustix::fs::makedev(entry.device.0, entry.device.1);
            rustix::fs::mknodat(directory, name, kind, Mode::from_raw_mode(0o600), device)
        };
        match entry.kind {
            Kind::File => return write_file(directory, name, entry, data),
            // The caller sets attributes: of directories that were there, too.
            Kind::Directory => {
                return Ok(rustix::fs::mkdirat(
                    directory,
                    name,
                    Mode::from_raw_mode(0o755),
                )?);
            }
            Kind::Symlink => symlink(directory, name, &entry.link)?,
            Kind::CharDevice => node(FileType::CharacterDevice)?,
            Kind::BlockDevice => node(FileType::BlockDevice)?,
            Kind::Fifo => node(FileType::Fifo)?,
            Kind::Hardlink => {}
        }
        set_attributes(directory, name, entry)
    }

    fn hard_link(&mut self, entry: &Entry, parent: &[CString], name: &CStr) -> io::Result<()> {
        let target =
            tree::components(&entry.link).map_err(|e| malformed(format!("hard link: {e}")))?;
        let Some((target_name, target_parent)) = target.split_last() else {
            return Err(malformed("hard link to the root"));
        };
        let from = self
            .tree
            .directory(target_parent)
            .map_err(|e| malformed(format!("hard link: {e}")))?;
        let linked = rustix::fs::linkat(
            from,
            target_name.as_c_str(),
            self.tree.parent(parent)?,
            name,
            AtFlags::empty(),
        );
        linked.map_err(|e| {
            let target = String::from_utf8_lossy(&entry.link);
            io::Error::new(
                io::Error::from(e).kind(),
                format!("hard link to {target:?}: {e}"),
            )
        })
    }

    /// Hides what the parents have at a name, or all they have in a directory; what this layer itself put there stays.
    fn whiteout(&mut self, parent: &[CString], name: &CStr) -> io::Result<()> {
        let marker = name.to_bytes();
        if marker == OPAQUE {
            return self.hide_children(parent);
        }
        if marker.starts_with(AUFS) {
            return Ok(());
        }
        let hidden = &marker[WHITEOUT.len()..];
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(malformed("whiteout of no file"));
        }
        let hidden = CString::new(hidden).map_err(|_| malformed("path holds a zero byte"))?;
        match self.tree.directory(parent) {
            Ok(_) => self.hide(parent, &hidden),
            // The parents have no such directory, so there is nothing to hide, and none is to be made.
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    fn hide(&mut self, parent: &[CString], name: &CStr) -> io::Result<()> {
        let path: Vec<CString> = parent.iter().cloned().chain([name.to_owned()]).collect();
        match self.own_type(&path)? {
            Own::No => self.tree.remove(parent, name),
            Own::Directory => self.hide_children(&path),
            Own::File => Ok(()),
        }
    }

    fn hide_children(&mut self, directory: &[CString]) -> io::Result<()> {
        if self.own.is_none() {
            return Ok(());
        }
        // A list of directories to do instead of recursion: a stranger decides how deep they nest.
        let mut todo = vec![directory.to_vec()];
        while let Some(directory) = todo.pop() {
            let fd = match self.tree.directory(&directory) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            for name in tree::names(&fd)? {
                let path: Vec<CString> = directory.iter().cloned().chain([name.clone()]).collect();
                match self.own_type(&path)? {
                    Own::No => self.tree.remove(&directory, &name)?,
                    Own::Directory => todo.push(path),
                    Own::File => {}
                }
            }
        }
        Ok(())
    }

    fn own_type(&self, path: &[CString]) -> io::Result<Own> {
        // Without parents everything there is the layer's own.
        let Some((name, parent)) = path.split_last() else {
            return Ok(Own::Directory);
        };
        let Some(own) = &self.own else {
            return Ok(Own::File);
        };
        let directory = match own.directory(parent) {
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Own::No);
            }
            other => other?,
        };
        Ok(match tree::file_type(directory.as_fd(), name)? {
            None => Own::No,
            Some(FileType::Directory) => Own::Directory,
            Some(_) => Own::File,
        })
    }

    fn finish(&mut self) -> io::Result<()> {
        for (path, times) in self.directories.drain(..).rev() {
            // One that a later entry replaced needs no time.
            if let Ok(directory) = self.tree.directory(&path) {
                rustix::fs::futimens(&directory, &times)?;
            }
        }
        Ok(())
    }
}

/// What of a path is in the layer's own directory.
enum Own {
    No,
    Directory,
    File,
}

fn write_file(
    directory: BorrowedFd<'_>,
    name: &CStr,
    entry: &Entry,
    data: &mut Tarball<impl Read>,
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(
        directory,
        name,
        flags,
        Mode::from_raw_mode(0o600),
    )?);
    io::copy(data, &mut file)?;
    set_open_attributes(file.as_fd(), entry)?;
    Ok(rustix::fs::futimens(&file, &times(entry))?)
}

fn symlink(directory: BorrowedFd<'_>, name: &CStr, target: &[u8]) -> io::Result<()> {
    let target = CString::new(target).map_err(|_| malformed("link holds a zero byte"))?;
    Ok(rustix::fs::symlinkat(target.as_c_str(), directory, name)?)
}

fn owner(entry: &Entry) -> io::Result<(Option<Uid>, Option<Gid>)> {
    // The largest number means "leave as it is" to the kernel.
    let id = |id: u64| {
        u32::try_from(id)
            .ok()
            .filter(|id| *id != u32::MAX)
            .ok_or_else(|| malformed("owner is out of range"))
    };
    Ok((
        Some(Uid::from_raw(id(entry.uid)?)),
        Some(Gid::from_raw(id(entry.gid)?)),
    ))
}

fn times(entry: &Entry) -> Timestamps {
    let time = Timespec {
        tv_sec: entry.mtime,
        tv_nsec: entry.mtime_nanos.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// Of a file or directory that is open. Order matters: a change of owner clears set-id bits and capabilities.
fn set_open_attributes(fd: BorrowedFd<'_>, entry: &Entry) -> io::Result<()> {
    let (uid, gid) = owner(entry)?;
    rustix::fs::fchown(fd, uid, gid)?;
    rustix::fs::fchmod(fd, Mode::from_raw_mode(entry.mode))?;
    for (name, value) in entry.xattrs.iter().filter(|(name, _)| is_wanted(name)) {
        match rustix::fs::fsetxattr(fd, name.as_str(), value, XattrFlags::empty()) {
            Err(Errno::OPNOTSUPP) | Ok(()) => {}
            Err(e) => {
                return Err(io::Error::new(
                    io::Error::from(e).kind(),
                    format!("attribute {name:?}: {e}"),
                ));
            }
        }
    }
    Ok(())
}

/// Of anything, by name, never following it.
fn set_attributes(directory: BorrowedFd<'_>, name: &CStr, entry: &Entry) -> io::Result<()> {
    if entry.kind == Kind::Directory {
        return set_open_attributes(tree::open_child_directory(directory, name)?.as_fd(), entry);
    }
    let (uid, gid) = owner(entry)?;
    rustix::fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    if entry.kind != Kind::Symlink {
        // Not a link: it was just made as a device or fifo.
        rustix::fs::chmodat(
            directory,
            name,
            Mode::from_raw_mode(entry.mode),
            AtFlags::empty(),
        )?;
    }
    Ok(rustix::fs::utimensat(
        directory,
        name,
        &times(entry),
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}

/// Attributes that mean something to what runs in a container. Not `trusted.overlay.*`: with these an image would tell the
/// kernel where to look for files; not SELinux labels: they are the host's to give.
fn is_wanted(name: &str) -> bool {
    name.starts_with("user.") && !name.starts_with("user.overlay.")
        || name == "security.capability"
        || name.starts_with("system.posix_acl_")
}

#[cfg(test)]
mod tests;
