//! Sockets on which the kernel tells of changes as they happen.

use std::io;
use std::time::Duration;

use rtnetlink::sys::{Socket, SocketAddr};
use tokio::io::unix::AsyncFd;

/// After a read that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// One of them.
pub(crate) struct Ear(AsyncFd<Socket>);

/// Opens a socket of this protocol that is told of these groups, in the network namespace of the calling thread.
pub(crate) fn open(protocol: isize, groups: u32) -> io::Result<Socket> {
    let mut socket = Socket::new(protocol)?;
    socket.bind(&SocketAddr::new(0, groups))?;
    socket.set_non_blocking(true)?;
    Ok(socket)
}

impl Ear {
    /// Of a socket from [`open`]; to be called where tokio runs.
    #[expect(unsafe_code, reason = "tokio cannot see whose the descriptor is")]
    pub(crate) fn new(socket: Socket) -> io::Result<Self> {
        // SAFETY: the socket owns its descriptor, and closes it only when it is dropped, with what is returned here.
        Ok(Self(unsafe { AsyncFd::register(socket) }?))
    }

    /// Waits for what is told next. `read` takes it from the socket. `None`: something was missed.
    pub(crate) async fn hear<T>(
        &self,
        mut read: impl FnMut(&Socket) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|socket| read(socket.get_ref())) {
                Ok(Ok(told)) => return Ok(Some(told)),
                // Also where more was said than there was room for.
                Ok(Err(error)) => {
                    tracing::debug!(%error, "changes in the kernel were missed");
                    tokio::time::sleep(PAUSE).await;
                    return Ok(None);
                }
                Err(_would_block) => {}
            }
        }
    }
}
