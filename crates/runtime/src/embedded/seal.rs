//! The program of shims, out of reach of containers.
//!
//! A container's first process is this program until it executes its own, and a container may ask to execute `/proc/self/exe`. It
//! must not come to a writable file of the host's that way (CVE-2019-5736). So shims are executed from a read-only mount
//! of the program that is attached nowhere.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::libc;

/// `struct mount_attr` of mount_setattr(2).
#[repr(C)]
#[derive(Default)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

const MOUNT_ATTR_RDONLY: u64 = 1;
const OPEN_TREE_CLONE: libc::c_uint = 1;

/// Opens the program on a read-only mount of its own, to be executed by the descriptor's path.
///
/// # Errors
/// Where the kernel is older than 5.12.
pub(super) fn open(program: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(program.as_os_str().as_bytes())?;
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC.cast_unsigned();
    // SAFETY: `path` is a string that lives through the call; the result is a descriptor or -1.
    let opened =
        unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    let raw = i32::try_from(opened)
        .ok()
        .filter(|raw| *raw >= 0)
        .ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just made the descriptor for us.
    let tree = unsafe { OwnedFd::from_raw_fd(raw) };
    let attributes = MountAttributes {
        set: MOUNT_ATTR_RDONLY,
        ..MountAttributes::default()
    };
    let (empty, size) = (c"", size_of::<MountAttributes>());
    // SAFETY: the descriptor is open, and `attributes` is of the size that is told and lives through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            empty.as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size,
        )
    };
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(tree)
    }
}
