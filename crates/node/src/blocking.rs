//! Work that the file system may hold up.

use std::io;

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does it on a thread of its own. On a runtime of one thread, as simulations and tests have, it is done at once, so that what follows
/// does not depend on which thread is faster.
///
/// # Errors
/// It panicked, or the runtime ended before it began.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)
}
