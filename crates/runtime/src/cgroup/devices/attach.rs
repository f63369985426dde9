//! Handing a program to the kernel, which runs it for a group of version 2.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::libc;

use super::program::Instruction;

// linux/bpf.h.
const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
/// Beside programs of groups above and below: all of them must say yes.
const ALLOW_MULTI: u32 = 1 << 1;

/// What `union bpf_attr` says for `BPF_PROG_LOAD`; what follows it there is zero.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// What it says for `BPF_PROG_ATTACH`.
#[repr(C)]
struct Attach {
    group: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

/// Has the kernel run `program` for the group at this directory, for as long as the group is there.
pub(super) fn attach(group: &Path, program: &[Instruction]) -> io::Result<()> {
    let directory = File::open(group)?;
    let loaded = load(program)?;
    let descriptor = |raw: i32| u32::try_from(raw).map_err(io::Error::other);
    let attributes = Attach {
        group: descriptor(directory.as_raw_fd())?,
        program: descriptor(loaded.as_raw_fd())?,
        kind: ATTACH_CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    bpf(PROG_ATTACH, &attributes).map(drop)
}

fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let license = c"Apache-2.0";
    let attributes = Load {
        kind: TYPE_CGROUP_DEVICE,
        count: u32::try_from(program.len()).map_err(io::Error::other)?,
        instructions: program.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
    };
    let raw = bpf(PROG_LOAD, &attributes)?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<i32> {
    // SAFETY: the kernel reads so many bytes of `attributes`, which lives through the call, as does what it points to: the callers
    // above hold the instructions and the license.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<T>(),
        )
    };
    match i32::try_from(result) {
        Ok(-1) => Err(io::Error::last_os_error()),
        Ok(value) => Ok(value),
        Err(error) => Err(io::Error::other(error)),
    }
}
