//! A pod's namespaces: the shim's own, so that every container it makes is born in them.

#![allow(unsafe_code)]

mod namespaces;
mod reaper;

use std::io;

pub use namespaces::{Pinned, unpin};
use nix::unistd::Pid;

use crate::shim::SandboxSetup;

/// Where the pins are, below the shim's directory.
pub const NAMESPACES: &str = "ns";
/// The pod's shared memory, below the shim's directory.
pub const SHM: &str = "shm";

/// What need not be done before others connect the network, but before a container starts.
pub(crate) fn complete(setup: &SandboxSetup) -> io::Result<()> {
    if setup.network {
        namespaces::raise_loopback()?;
    }
    Ok(())
}

/// Makes the namespaces of the sandbox in the current directory. The process that holds the shared process namespace, if there is one.
pub(crate) fn make(setup: &SandboxSetup) -> io::Result<Option<Pid>> {
    namespaces::make(setup)?;
    if setup.ipc {
        namespaces::mount_shm()?;
    }
    if setup.shared_pid {
        reaper::start().map(Some)
    } else {
        Ok(None)
    }
}
