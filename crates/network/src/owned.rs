//! Something that lives on a thread of its own in a network namespace, because it may block there, and because sockets belong to the
//! namespace that they are opened in.

use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::{io, thread};

use tokio::sync::{mpsc, oneshot};

use crate::namespace;

/// How many requests wait for the thread; those beyond wait with their caller.
const QUEUE: usize = 64;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A handle on it. The thread ends with the last one.
pub(crate) struct Owned<T> {
    jobs: mpsc::Sender<Job<T>>,
}

/// The thread is gone.
#[derive(Debug)]
pub(crate) struct Gone;

impl<T> Clone for Owned<T> {
    fn clone(&self) -> Self {
        Self {
            jobs: self.jobs.clone(),
        }
    }
}

impl<T: 'static> Owned<T> {
    /// Has `make` make it inside the namespace; `None` is that of the caller. `name`: the thread's.
    pub(crate) async fn start<E: From<io::Error> + Send + 'static>(
        name: &str,
        netns: Option<PathBuf>,
        make: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Self, E> {
        let (jobs, mut queue) = mpsc::channel::<Job<T>>(QUEUE);
        let (told, made) = oneshot::channel();
        let live = move || {
            let entered = netns.as_ref().map_or(Ok(()), |path| {
                namespace::enter(std::fs::File::open(path)?.as_fd())
            });
            match entered.map_err(E::from).and_then(|()| make()) {
                Err(error) => drop(told.send(Err(error))),
                Ok(mut thing) => {
                    if told.send(Ok(())).is_err() {
                        return;
                    }
                    while let Some(job) = queue.blocking_recv() {
                        job(&mut thing);
                    }
                }
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(live)?;
        let gone = || E::from(io::Error::other("the thread is gone"));
        made.await.map_err(|_| gone())??;
        Ok(Self { jobs })
    }

    /// Has the thread do something with it.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move |thing: &mut T| {
            // Fails when nobody waits for it any more: nothing to tell.
            let _ = done.send(work(thing));
        });
        self.jobs.send(job).await.map_err(|_| Gone)?;
        result.await.map_err(|_| Gone)
    }
}
