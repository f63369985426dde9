//! Descriptors without waiting.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// A pipe whose end on our side never waits; the other end is the process', who expects to.
pub(super) fn pipe_in() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    set_nonblocking(&read)?;
    Ok((read, write))
}

/// The same towards the process: its reading end, our writing end.
pub(super) fn pipe_out() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    set_nonblocking(&write)?;
    Ok((read, write))
}

pub(super) fn set_nonblocking(descriptor: &impl AsFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFL)?);
    fcntl(descriptor, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// What a read without waiting gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    Bytes(usize),
    Nothing,
    /// The end, or an error that amounts to it (a terminal whose other side is gone gives EIO).
    End,
}

pub(super) fn read(descriptor: &impl AsFd, buffer: &mut [u8]) -> ReadOutcome {
    loop {
        return match nix::unistd::read(descriptor, buffer) {
            Ok(0) => ReadOutcome::End,
            Ok(count) => ReadOutcome::Bytes(count),
            Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN) => ReadOutcome::Nothing,
            Err(_) => ReadOutcome::End,
        };
    }
}

/// Writes as much as goes without waiting: how much.
///
/// # Errors
/// Where nobody reads any more.
pub(super) fn write(descriptor: &impl AsFd, mut bytes: &[u8]) -> Result<usize, Errno> {
    let whole = bytes.len();
    while !bytes.is_empty() {
        match nix::unistd::write(descriptor, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(whole - bytes.len())
}
