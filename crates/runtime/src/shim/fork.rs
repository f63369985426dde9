//! Forking, into a control group where the kernel can.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
use nix::unistd::Pid;

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// `struct clone_args` of clone3(2).
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Forks and runs `body` in the child, which then exits with its result. The child is born in `cgroup` if one is given, which spares
/// the move, and has the signal state that a fresh program expects.
pub(crate) fn fork_with(cgroup: Option<&OwnedFd>, body: impl FnOnce() -> i32) -> io::Result<Pid> {
    let mut args = CloneArgs::default();
    if let Some(directory) = cgroup {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = u64::try_from(directory.as_raw_fd()).unwrap_or(0);
    }
    clone(args, body)
}

/// The same, and the child is process 1 of a new process namespace.
pub(crate) fn fork_first(body: impl FnOnce() -> i32) -> io::Result<Pid> {
    let args = CloneArgs {
        flags: libc::CLONE_NEWPID as u64,
        ..CloneArgs::default()
    };
    clone(args, body)
}

fn clone(mut args: CloneArgs, body: impl FnOnce() -> i32) -> io::Result<Pid> {
    args.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: as fork(2): no flag shares memory or descriptors, and a shim has one thread, so the child may do
    // anything a process may. `args` lives through the call and its size is told.
    match unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = if reset_signals().is_ok() { body() } else { 1 };
            // SAFETY: ends the child at once, without the parent's exit handlers.
            unsafe { libc::_exit(code) }
        }
        pid => Ok(Pid::from_raw(i32::try_from(pid).unwrap_or(0))),
    }
}

/// No signal blocked, and a broken pipe deadly again: Rust's start-up ignores it, and programs inherit that.
fn reset_signals() -> nix::Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    // SAFETY: the default action runs no code of ours.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl)? };
    Ok(())
}
