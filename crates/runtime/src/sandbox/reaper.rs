//! Process 1 of a process namespace that a pod's containers share. The kernel ends such a namespace with its process 1, so one
//! has to stay; it does nothing but reap.

use std::io;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::namespaces::pin;
use crate::shim::fork_first;

/// Starts it as a child of the shim, pins its namespace, and returns its process id on the host.
pub(super) fn start() -> io::Result<Pid> {
    let first = fork_first(reap_forever)?;
    pin(first.as_raw(), "pid")?;
    Ok(first)
}

fn reap_forever() -> i32 {
    // It is to go with the shim, however that ends: nobody else knows of it.
    if nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_err() {
        return 1;
    }
    let _ = nix::sys::prctl::set_name(c"navarch-init");
    // It must hold open nothing of the shim's.
    // SAFETY: this process uses no descriptor from here on.
    unsafe { nix::libc::close_range(0, u32::MAX, 0) };
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
