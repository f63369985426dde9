//! Tells when interfaces or addresses of a network namespace change: a link that goes down takes its routes with it, and one that comes up
//! does not bring them back.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rtnetlink::constants::{RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::namespace;

/// After a read that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// What is read of a message; what it says is not looked at.
const HEAD: usize = 16;

/// Opens the socket that is told.
#[expect(unsafe_code, reason = "tokio cannot see whose the descriptor is")]
pub(super) fn open(netns: Option<&Path>) -> io::Result<AsyncFd<Socket>> {
    let socket = namespace::open_socket(netns, || {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
        socket.bind(&SocketAddr::new(0, groups))?;
        socket.set_non_blocking(true)?;
        Ok(socket)
    })?;
    // SAFETY: the socket owns its descriptor, and closes it only when it is dropped, with what is returned here.
    Ok(unsafe { AsyncFd::register(socket) }?)
}

/// Rings at each change, for ever.
pub(super) async fn follow(socket: AsyncFd<Socket>, changed: Arc<Notify>) {
    loop {
        let Ok(mut ready) = socket.readable().await else {
            return;
        };
        let read = ready.try_io(|socket| {
            let mut head = Vec::with_capacity(HEAD);
            // The rest of a message that is longer is dropped.
            socket.get_ref().recv(&mut head, 0)
        });
        match read {
            // Also where more was said than there was room for.
            Ok(Ok(_)) => changed.notify_one(),
            Ok(Err(error)) => {
                tracing::debug!(%error, "changes of interfaces were missed");
                changed.notify_one();
                tokio::time::sleep(PAUSE).await;
            }
            Err(_would_block) => {}
        }
    }
}
