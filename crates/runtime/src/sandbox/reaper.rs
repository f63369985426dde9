//! Process 1 of a process namespace that a pod's containers share. The kernel ends such a namespace with its process 1, so one
//! has to stay; it does nothing but reap.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::namespaces::pin;
use crate::shim::fork_first;

/// Starts it as a child of the shim, pins its namespace, and returns its process id on the host.
pub(super) fn start() -> io::Result<Pid> {
    let shim = pidfd_of_self()?;
    let first = fork_first(move || reap_forever(&shim))?;
    pin(first.as_raw(), "pid")?;
    Ok(first)
}

/// It is to go with the shim, however that ends: nobody else knows of it. With it the kernel kills all in the namespace; it is seen as
/// long as the host's process 1, to whom the containers fall, has not reaped them.
fn reap_forever(shim: &OwnedFd) -> i32 {
    if nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_err() || is_over(shim) {
        return 1;
    }
    let _ = nix::sys::prctl::set_name(c"navarch-init");
    // It must hold open nothing of the shim's.
    // SAFETY: this process uses no descriptor from here on.
    unsafe { libc::close_range(0, u32::MAX, 0) };
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    if children.thread_block().is_err() {
        return 1;
    }
    loop {
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive)
        {
        }
        if children.wait().is_err() {
            return 1;
        }
    }
}

fn pidfd_of_self() -> io::Result<OwnedFd> {
    // SAFETY: takes plain numbers; the result is a descriptor or -1.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, nix::unistd::getpid().as_raw(), 0) };
    let raw = i32::try_from(opened)
        .ok()
        .filter(|raw| *raw >= 0)
        .ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just made the descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Whether a process has ended. Its parent may have, before this process asked to be told; `getppid` does not say, since the parent is
/// outside of the namespace.
fn is_over(process: &OwnedFd) -> bool {
    let mut descriptors = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    poll(&mut descriptors, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
