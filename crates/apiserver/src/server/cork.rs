//! What a connection writes in one turn goes out together.
//!
//! The HTTP/2 library flushes after each frame of data. Without this, each answer, and each event of each watch, is a TLS record,
//! a system call and a packet of its own, and wakes the client once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So many bytes are collected at most: a TLS record. What is larger goes through without being copied, as the full frames of a
/// long list and of a busy watch do.
const ROOM: usize = 16 << 10;

/// A stream that collects what is written while its [`Cork`] is in.
pub(super) struct Corked<S>(Arc<Mutex<Shared<S>>>);

/// Says when. A stream without one, as after an upgrade, is as any other.
pub(super) struct Cork<S>(Arc<Mutex<Shared<S>>>);

struct Shared<S> {
    stream: S,
    corked: bool,
    collected: Vec<u8>,
    /// How much of it has been written.
    written: usize,
    /// Whether the stream itself may hold back something that was written: TLS does while the socket is full.
    unflushed: bool,
}

/// The stream, and who says when it writes.
pub(super) fn corked<S>(stream: S) -> (Corked<S>, Cork<S>) {
    let shared = Arc::new(Mutex::new(Shared {
        stream,
        corked: false,
        collected: Vec::new(),
        written: 0,
        unflushed: false,
    }));
    (Corked(shared.clone()), Cork(shared))
}

impl<S: AsyncWrite + Unpin> Cork<S> {
    /// From now on writes are collected, and a flush does nothing.
    pub(super) fn put_in(&self) {
        self.0.lock().corked = true;
    }

    /// Writes what was collected; what does not fit into the socket goes out when the task is woken for it.
    pub(super) fn pull(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.0.lock();
        shared.corked = false;
        if !shared.unflushed {
            return Poll::Ready(Ok(()));
        }
        shared.flush(context)
    }
}

impl<S: AsyncWrite + Unpin> Shared<S> {
    fn write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = parts.iter().map(|part| part.len()).sum();
        self.unflushed = true;
        if !self.corked || self.collected.len() + length > ROOM {
            ready!(self.drain(context))?;
        }
        if !self.corked || length > ROOM {
            return Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        }
        for part in parts {
            self.collected.extend_from_slice(part);
        }
        Poll::Ready(Ok(length))
    }

    /// Hands everything that was collected to the stream.
    fn drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.collected.get(self.written..) {
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.collected.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(context))?;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Corked<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().write(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.0.lock();
        if shared.corked {
            return Poll::Ready(Ok(()));
        }
        shared.flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.0.lock();
        ready!(shared.drain(context))?;
        Pin::new(&mut shared.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
