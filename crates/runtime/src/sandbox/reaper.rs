//! Process 1 of a process namespace that a pod's containers share. The kernel ends such a namespace with its process 1, so one
//! has to stay; it does nothing but reap.

use std::fs::File;
use std::io::{self, Read, Write};

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::namespaces::pin;
use crate::shim::fork_with;

/// Starts it as a child of the shim, pins its namespace, and returns its process id on the host.
pub(super) fn start() -> io::Result<Pid> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    // One child makes the namespace and the next, its process 1, falls to the shim when the first ends.
    let middle = fork_with(None, move || {
        let told = unshare(CloneFlags::CLONE_NEWPID)
            .map_err(io::Error::from)
            .and_then(|()| {
                let first = fork_with(None, reap_forever)?;
                File::from(write).write_all(first.as_raw().to_string().as_bytes())
            });
        i32::from(told.is_err())
    })?;
    let mut text = String::new();
    File::from(read).read_to_string(&mut text)?;
    waitpid(middle, None)?;
    let pid = text
        .parse()
        .map_err(|_| io::Error::other("the shared process namespace could not be made"))?;
    pin(pid, "pid")?;
    Ok(Pid::from_raw(pid))
}

fn reap_forever() -> i32 {
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
