//! Pipes and terminals to processes, and the channels of whoever uses them.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use bytes::Bytes;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

/// Bytes read at once.
const CHUNK: usize = 32 * 1024;
/// Chunks that wait for their reader.
pub(super) const QUEUE: usize = 16;

/// A descriptor read or written without blocking a thread.
#[derive(Debug)]
pub(super) struct Stream(AsyncFd<OwnedFd>);

impl Stream {
    pub(super) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&descriptor, FcntlArg::F_GETFL)?);
        fcntl(&descriptor, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        watch(descriptor).map(Self)
    }

    pub(super) fn descriptor(&self) -> &OwnedFd {
        self.0.get_ref()
    }

    /// 0 at the end. A terminal's end is an error, which is taken for the same.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> usize {
        let read = self.0.async_io(Interest::READABLE, |descriptor| {
            match nix::unistd::read(descriptor.as_fd(), buffer) {
                Err(Errno::EIO) => Ok(0),
                other => Ok(other?),
            }
        });
        read.await.unwrap_or(0)
    }

    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let write = |descriptor: &OwnedFd| Ok(nix::unistd::write(descriptor.as_fd(), bytes)?);
            let count = self.0.async_io(Interest::WRITABLE, write).await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

/// Registers a descriptor that does not block with the reactor.
pub(super) fn watch<T: AsFd + AsRawFd>(descriptor: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: the owner is moved in and never given out mutably, so the descriptor stays open and the same until it is deregistered.
    unsafe { AsyncFd::register(descriptor) }.map_err(io::Error::from)
}

/// Our reading end (without blocking) and the process' writing end.
pub(super) fn from_process() -> io::Result<(Stream, OwnedFd)> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    Ok((Stream::new(read)?, write))
}

/// Our writing end (without blocking) and the process' reading end.
pub(super) fn to_process() -> io::Result<(Stream, OwnedFd)> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    Ok((Stream::new(write)?, read))
}

/// Reads to the end, or until nobody takes it.
pub(super) async fn pump_out(stream: &Stream, sender: &mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = stream.read(&mut buffer).await;
        if count == 0
            || sender
                .send(Bytes::copy_from_slice(&buffer[..count]))
                .await
                .is_err()
        {
            return;
        }
    }
}

/// Writes what comes until no more does, or nobody reads.
pub(super) async fn pump_in(stream: &Stream, receiver: &mut mpsc::Receiver<Bytes>) -> Ended {
    while let Some(bytes) = receiver.recv().await {
        if stream.write_all(&bytes).await.is_err() {
            return Ended::Reader;
        }
    }
    Ended::Writer
}

/// Which side of a stream ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The process, which reads.
    Reader,
    /// Who writes to it.
    Writer,
}
