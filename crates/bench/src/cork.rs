//! Requests that are sent together go out together.
//!
//! The HTTP/2 library flushes after each frame of data: of 32 requests under way each would be a TLS record, a system call and a
//! packet of its own, which took a fifth of this client's time. Here what a connection writes in one turn is collected first.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So many bytes are collected at most.
const ROOM: usize = 32 << 10;

/// A stream that collects what is written to it until [`Executor`] has run the connection's turn.
pub(crate) struct Corked<S>(Arc<Mutex<Shared<S>>>);

/// Runs what a connection spawns, and writes at the end of each turn.
pub(crate) struct Executor<S>(Arc<Mutex<Shared<S>>>);

struct Shared<S> {
    stream: S,
    collected: Vec<u8>,
    written: usize,
    /// Whether the stream itself may hold back something that was written: TLS does while the socket is full.
    unflushed: bool,
}

/// The stream for a connection, and the executor that it is to be made with.
pub(crate) fn corked<S>(stream: S) -> (Corked<S>, Executor<S>) {
    let shared = Arc::new(Mutex::new(Shared {
        stream,
        collected: Vec::with_capacity(ROOM),
        written: 0,
        unflushed: false,
    }));
    (Corked(shared.clone()), Executor(shared))
}

fn lock<S>(shared: &Mutex<Shared<S>>) -> MutexGuard<'_, Shared<S>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> Clone for Executor<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F, S> hyper::rt::Executor<F> for Executor<S>
where
    F: Future<Output = ()> + Send + 'static,
    S: AsyncWrite + Send + Unpin + 'static,
{
    fn execute(&self, task: F) {
        let shared = self.0.clone();
        let mut task = Box::pin(task);
        tokio::spawn(std::future::poll_fn(move |context| {
            let turn = task.as_mut().poll(context);
            // What fails here fails the requests on the connection.
            let _ = lock(&shared).flush(context);
            turn
        }));
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
        if self.collected.len() + length > ROOM {
            ready!(self.drain(context))?;
        }
        if length > ROOM {
            return Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        }
        for part in parts {
            self.collected.extend_from_slice(part);
        }
        Poll::Ready(Ok(length))
    }

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
        if !self.unflushed {
            return Poll::Ready(Ok(()));
        }
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
        Pin::new(&mut lock(&self.0).stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).write(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Done at the end of the turn.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        ready!(shared.drain(context))?;
        Pin::new(&mut shared.stream).poll_shutdown(context)
    }
}
