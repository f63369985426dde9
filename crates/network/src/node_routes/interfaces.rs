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

    /// The addresses that there are, each with the name of its interface; an error where that cannot be told. For a thread that may wait for
    /// the kernel.
    pub fn addresses() -> io::Result<Vec<(String, IpAddr)>> {
        let all = getifaddrs()?.filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|it| IpAddr::from(it.ip()));
            let v6 = address.as_sockaddr_in6().map(|it| IpAddr::from(it.ip()));
            Some((interface.interface_name, v4.or(v6)?))
        });
        Ok(all.collect())
    }

    /// Waits until something has changed since the last time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
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
        let all = HostInterfaces::addresses().unwrap();
        assert!(all.contains(&("lo".into(), [127, 0, 0, 1].into())));
        // For documentation.
        assert!(
            !all.iter()
                .any(|(_, ip)| *ip == IpAddr::from([192, 0, 2, 200]))
        );
    }
}
