//! The HTTP/2 streams of a connection, run in the connection's own task.
//!
//! A task a stream, which is hyper's usual way, wakes another thread for nearly every request: the other worker finds the
//! stream's task in nobody's queue but the one's that made it, and sleeps again. Here a connection and all that it asks for are
//! one task: what it needs next is in the cache already, and other connections run beside it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{FuturesUnordered, Stream};
use parking_lot::Mutex;
use tokio::io::AsyncWrite;

use super::cork::Cork;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes what hyper spawns for a connection. [`Streams`] runs it.
#[derive(Clone, Default)]
pub(super) struct Spawner(Arc<Mutex<Vec<Task>>>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Spawner {
    fn execute(&self, task: F) {
        self.0.lock().push(Box::pin(task));
    }
}

/// A connection beside the streams that it spawned; ends with the connection. At most [`crate::limits::STREAMS`] at a time.
pub(super) struct Streams<C: Future, S> {
    connection: Pin<Box<C>>,
    cork: Cork<S>,
    spawned: Spawner,
    running: FuturesUnordered<Task>,
    /// How the connection ended, until all that it has written is out.
    ended: Option<C::Output>,
}

impl<C: Future, S> Streams<C, S> {
    /// `spawned` is the executor that `connection` was made with, `cork` that of the stream that it writes to.
    pub(super) fn new(connection: C, spawned: Spawner, cork: Cork<S>) -> Self {
        Self {
            connection: Box::pin(connection),
            cork,
            spawned,
            running: FuturesUnordered::new(),
            ended: None,
        }
    }

    /// The connection itself.
    pub(super) fn connection(&mut self) -> Pin<&mut C> {
        self.connection.as_mut()
    }
}

impl<C: Future<Output: Unpin>, S: AsyncWrite + Unpin> Future for Streams<C, S> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<C::Output> {
        let this = &mut *self;
        if this.ended.is_none() {
            this.cork.put_in();
            if let Poll::Ready(ended) = this.connection.as_mut().poll(context) {
                this.ended = Some(ended);
            }
        }
        // Before the streams run: the answers of the last turn do not wait for the work of this one. What fails here the connection
        // finds out when it reads or writes next.
        let out = this.cork.pull(context);
        if this.ended.is_some() {
            let ended = out.is_ready().then(|| this.ended.take()).flatten();
            return ended.map_or(Poll::Pending, Poll::Ready);
        }
        this.running.extend(this.spawned.0.lock().drain(..));
        // An answer wakes the connection, and so this task: it is written at the next turn, with the others of this one.
        while let Poll::Ready(Some(())) = Pin::new(&mut this.running).poll_next(context) {}
        Poll::Pending
    }
}
