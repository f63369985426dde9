//! The groups of IPv6 in which this host is asked for addresses: without being in one it may not be told, by the interface or by a switch.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv6Addr, UdpSocket};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// The groups that one interface is in because of this.
pub(super) struct Groups {
    /// It is bound to no port, so that nothing comes to it.
    socket: UdpSocket,
    interface: u32,
    joined: BTreeSet<Ipv6Addr>,
}

impl Groups {
    /// In none so far. In the network namespace of the calling thread.
    pub(super) fn open(interface: u32) -> io::Result<Self> {
        let family = AddressFamily::Inet6;
        let socket = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        Ok(Self {
            socket: socket.into(),
            interface,
            joined: BTreeSet::new(),
        })
    }

    /// Is in these, and in no others.
    pub(super) fn be_in(&mut self, wanted: &BTreeSet<Ipv6Addr>) {
        for group in wanted {
            if !self.joined.contains(group) {
                match self.socket.join_multicast_v6(group, self.interface) {
                    Ok(()) => drop(self.joined.insert(*group)),
                    Err(error) => {
                        tracing::warn!(%error, %group, "a load balancer's address may not be found");
                    }
                }
            }
        }
        let gone = self.joined.extract_if(.., |group| !wanted.contains(group));
        for group in gone {
            // An interface that is gone is in none.
            let _ = self.socket.leave_multicast_v6(&group, self.interface);
        }
    }
}
