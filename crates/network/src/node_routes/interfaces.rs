//! Tells when interfaces or addresses of a network namespace change: a link that goes down takes its routes with it, and one that comes up
//! does not bring them back.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use nix::ifaddrs::getifaddrs;
use rtnetlink::constants::{RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use tokio::sync::Notify;

use crate::ear::{self, Ear};
use crate::namespace;
use crate::task::Task;

/// What is read of a message; what it says is not looked at.
const HEAD: usize = 16;

/// Opens the socket that is told.
pub(crate) fn open(netns: Option<&Path>) -> io::Result<Ear> {
    let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    Ear::new(namespace::open_socket(netns, || {
        ear::open(NETLINK_ROUTE, groups)
    })?)
}

/// The interfaces and addresses of this host, as far as it matters that they change.
pub struct HostInterfaces {
    changed: Arc<Notify>,
    _following: Task,
}

impl HostInterfaces {
    /// Listens from now on, in the network namespace of the calling thread.
    pub fn follow() -> io::Result<Self> {
        let changed = Arc::new(Notify::new());
        let following = follow(open(None)?, changed.clone());
        Ok(Self {
            changed,
            _following: Task::spawn(following),
        })
    }

    /// Whether one of them has this address; where that cannot be told it is taken to be so. For a thread that may wait for the kernel.
    pub fn have(address: IpAddr) -> bool {
        with(address).map_or(true, |found| found.is_some())
    }

    /// The name of the one that has this address, where that can be told. For a thread that may wait for the kernel.
    pub fn which_has(address: IpAddr) -> Option<String> {
        with(address).ok().flatten()
    }

    /// Waits until something has changed since the last time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

fn with(address: IpAddr) -> io::Result<Option<String>> {
    let mut all = getifaddrs()?;
    let found = all.find(|interface| {
        let it = interface.address;
        let v4 = it.and_then(|it| Some(IpAddr::from(it.as_sockaddr_in()?.ip())));
        let v6 = it.and_then(|it| Some(IpAddr::from(it.as_sockaddr_in6()?.ip())));
        v4.or(v6) == Some(address)
    });
    Ok(found.map(|interface| interface.interface_name))
}

/// Rings at each change, for ever; also where one was missed.
pub(crate) async fn follow(ear: Ear, changed: Arc<Notify>) {
    let read = |socket: &rtnetlink::sys::Socket| {
        let mut head = Vec::with_capacity(HEAD);
        // The rest of a message that is longer is dropped.
        socket.recv(&mut head, 0)
    };
    while ear.hear(read).await.is_ok() {
        changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_addresses_and_no_others() {
        assert!(HostInterfaces::have([127, 0, 0, 1].into()));
        assert_eq!(
            HostInterfaces::which_has([127, 0, 0, 1].into()).as_deref(),
            Some("lo")
        );
        // For documentation.
        assert!(!HostInterfaces::have([192, 0, 2, 200].into()));
        assert!(!HostInterfaces::have(
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, 7].into()
        ));
    }
}
