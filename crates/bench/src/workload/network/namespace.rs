//! Threads within other network namespaces.

use std::fs::File;
use std::path::Path;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};

/// Runs `work` on a thread of its own within the namespace of that file. What it opens there stays there.
pub(super) fn spawn<T, W>(netns: &Path, work: W) -> Result<JoinHandle<Result<T>>>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T> + Send + 'static,
{
    let shown = netns.display().to_string();
    let file = File::open(netns).with_context(|| shown.clone())?;
    Ok(thread::spawn(move || {
        setns(file, CloneFlags::CLONE_NEWNET).with_context(|| format!("enter {shown}"))?;
        work()
    }))
}

/// The same, to its end.
pub(super) fn within<T, W>(netns: &Path, work: W) -> Result<T>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T> + Send + 'static,
{
    joined(spawn(netns, work)?)
}

/// What came of it, waited for while the runtime goes on.
pub(super) async fn apart<T: Send + 'static>(thread: JoinHandle<Result<T>>) -> Result<T> {
    tokio::task::spawn_blocking(|| joined(thread)).await?
}

/// What came of it.
pub(super) fn joined<T>(thread: JoinHandle<Result<T>>) -> Result<T> {
    thread.join().map_err(|_| anyhow!("a thread panicked"))?
}
