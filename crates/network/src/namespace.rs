//! Network namespaces: opening them by path, and doing something inside one.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    thread,
};

use nix::sched::{CloneFlags, setns};

use crate::Error;

/// Opens a network namespace; `path` is as `/run/netns/NAME` or `/proc/PID/ns/net`.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| Error::Namespace {
        path: path.to_owned(),
        source,
    })
}

/// Moves the calling thread, and what it starts from now on, into the namespace.
pub(crate) fn enter(namespace: BorrowedFd<'_>) -> io::Result<()> {
    Ok(setns(namespace, CloneFlags::CLONE_NEWNET)?)
}

/// Runs `work` on a thread of its own inside the namespace. The thread ends with it, so that none is ever left in a pod's
/// namespace, keeping it alive, and there is no way back that could fail.
pub(crate) fn within<T: Send>(
    namespace: &File,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    thread::scope(|scope| {
        let inside = move || {
            enter(namespace.as_fd())?;
            work()
        };
        let thread = thread::Builder::new()
            .name("pod-netns".to_owned())
            .spawn_scoped(scope, inside)?;
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace panicked")))
    })
}

/// Has `open` open a socket inside the namespace, where it stays; `None` is that of the caller.
pub(crate) fn open_socket<T: Send>(
    netns: Option<&Path>,
    open: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    match netns {
        None => open(),
        Some(path) => within(&File::open(path)?, open),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::thread;

    use nix::sched::{CloneFlags, unshare};

    /// Does work on a thread in a new namespace, and waits for it.
    pub(crate) fn in_a_namespace(work: impl FnOnce() + Send + 'static) {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test makes a network namespace and must run as root; nothing was tested"
        );
        let inside = move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            work();
        };
        thread::spawn(inside).join().unwrap();
    }
}
