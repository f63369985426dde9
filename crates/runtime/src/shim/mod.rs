//! The shim: one small process for each pod, between the agent and the pod's containers.
//!
//! It is the containers' parent. It owns their standard streams, writes their logs, and records on disk how they ended before it
//! tells anybody. The agent may be killed and come back; the shim goes on and the agent connects again to its socket. It has one thread
//! and a `poll` loop, so that it may fork freely (libcontainer runs in a forked child and its memory goes with that child), and
//! stays small.

#![allow(unsafe_code)]

mod attachment;
mod connection;
mod container;
mod create;
mod exec;
mod exit_file;
mod fork;
mod frame;
mod group_view;
mod launch;
mod protocol;
mod reap;
mod requests;
mod server;
mod start;
mod startup;
mod streams;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

pub use exit_file::{ExitRecord, read_exit};
pub(crate) use fork::fork_first;
pub(crate) use frame::{FrameReader, MAX_FRAME, encode, send_some};
pub(crate) use protocol::{
    ContainerStatus, Envelope, Event, ExecRequest, Failure, Message, Outcome, Request,
    SandboxSetup, StartRequest,
};

/// The file that says what the sandbox is, in the shim's directory.
pub(crate) const SETUP_FILE: &str = "setup.json";
/// The shim's socket, in its directory.
pub(crate) const SOCKET: &str = "shim.sock";

/// Runs a shim: `args` are those after the hidden subcommand. Prints one line, `ready` or what is wrong, then serves until it is
/// told to shut down.
// One thread, and nothing to drop.
#[allow(clippy::disallowed_methods)]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ! {
    let directory = args.into_iter().next().map(PathBuf::from);
    let code = match directory
        .ok_or_else(|| std::io::Error::other("a directory is needed"))
        .and_then(|path| startup::run(&path))
    {
        Ok(()) => 0,
        Err(error) => {
            startup::report(&error.to_string());
            1
        }
    };
    std::process::exit(code)
}
