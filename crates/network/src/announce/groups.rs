//! The groups of IPv6 in which this host is asked for addresses: without being in one it may not be told, by the interface or by a switch.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::namespace;

/// As many as one socket is in: some kernels have room for a few hundred at a socket (`net.core.optmem_max`), and refuse more.
const OF_SOCKET: usize = 128;

/// The groups that one interface is in because of this.
pub(super) struct Groups {
    netns: Option<PathBuf>,
    interface: u32,
    /// Each is bound to no port, so that nothing comes to it, and is in no more groups than it can be.
    sockets: Vec<UdpSocket>,
    /// By which socket.
    joined: BTreeMap<Ipv6Addr, usize>,
}

impl Groups {
    /// In none so far.
    pub(super) fn of(interface: u32, netns: Option<&Path>) -> Self {
        Self {
            netns: netns.map(Path::to_owned),
            interface,
            sockets: Vec::new(),
            joined: BTreeMap::new(),
        }
    }

    /// Is in these, and in no others.
    pub(super) fn be_in(&mut self, wanted: &BTreeSet<Ipv6Addr>) {
        let gone = self
            .joined
            .extract_if(.., |group, _| !wanted.contains(group));
        for (group, socket) in gone {
            // An interface that is gone is in none.
            let _ = self.sockets[socket].leave_multicast_v6(&group, self.interface);
        }
        for group in wanted {
            if !self.joined.contains_key(group)
                && let Err(error) = self.join(*group)
            {
                tracing::warn!(%error, %group, "a load balancer's address may not be found");
            }
        }
    }

    fn join(&mut self, group: Ipv6Addr) -> io::Result<()> {
        let mut many = vec![0; self.sockets.len()];
        self.joined.values().for_each(|at| many[*at] += 1);
        let at = match many.iter().position(|many| *many < OF_SOCKET) {
            Some(at) => at,
            None => {
                let opened = namespace::open_socket(self.netns.as_deref(), open)?;
                self.sockets.push(opened);
                many.len()
            }
        };
        self.sockets[at].join_multicast_v6(&group, self.interface)?;
        self.joined.insert(group, at);
        Ok(())
    }
}

fn open() -> io::Result<UdpSocket> {
    let family = AddressFamily::Inet6;
    let socket = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace::tests::in_a_namespace;

    /// As kernels before 6.8 have it.
    const ROOM: &str = "20480";

    #[test]
    fn a_host_is_in_as_many_groups_as_it_has_addresses() {
        in_a_namespace(|| {
            std::fs::write("/proc/sys/net/core/optmem_max", ROOM).unwrap();
            let loopback = 1;
            let group = |number: u16| Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, number);
            let mut groups = Groups::of(loopback, None);
            groups.be_in(&(1..=1000).map(group).collect());
            assert_eq!(groups.joined.len(), 1000);
            groups.be_in(&(900..=1100).map(group).collect());
            let all: Vec<_> = groups.joined.keys().copied().collect();
            assert_eq!(all, (900..=1100).map(group).collect::<Vec<_>>());
            // What was left has room for others.
            assert_eq!(groups.sockets.len(), 8);
        });
    }
}
