//! Where encrypted packets come from and go to.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn6, bind, setsockopt, socket, sockopt,
};

/// How much waits in a socket: a few milliseconds of a fast sender's.
const BUFFER: usize = 4 << 20;

/// One of each family that the host has.
pub(super) struct Sockets {
    pub(super) v4: UdpSocket,
    pub(super) v6: Option<UdpSocket>,
}

impl Sockets {
    /// At this port of all of the host's addresses.
    pub(super) fn bind(port: u16) -> io::Result<Self> {
        let v4 = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
        let v6 = match of_v6(port) {
            Err(error) if error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) => None,
            made => Some(made?),
        };
        let sockets = Self { v4, v6 };
        for socket in sockets.all() {
            socket.set_nonblocking(true)?;
            // Who is root in a user namespace alone gets as much as the host lets everybody have.
            let _ = setsockopt(socket, sockopt::RcvBufForce, &BUFFER)
                .or_else(|_| setsockopt(socket, sockopt::RcvBuf, &BUFFER));
            let _ = setsockopt(socket, sockopt::SndBufForce, &BUFFER)
                .or_else(|_| setsockopt(socket, sockopt::SndBuf, &BUFFER));
        }
        Ok(sockets)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &UdpSocket> {
        [Some(&self.v4), self.v6.as_ref()].into_iter().flatten()
    }

    /// Sends a packet. What cannot be sent is lost, as packets are: whoever needs it sends it again.
    pub(super) fn send(&self, packet: &[u8], to: SocketAddr) {
        let socket = match to {
            SocketAddr::V4(_) => Some(&self.v4),
            SocketAddr::V6(_) => self.v6.as_ref(),
        };
        if let Some(Err(error)) = socket.map(|socket| socket.send_to(packet, to)) {
            tracing::trace!(%error, %to, "an encrypted packet is lost");
        }
    }
}

/// Of IPv6 alone: what is of IPv4 comes to the other.
fn of_v6(port: u16) -> io::Result<UdpSocket> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let made = socket(AddressFamily::Inet6, SockType::Datagram, flags, None)?;
    setsockopt(&made, sockopt::Ipv6V6Only, &true)?;
    let at = std::net::SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0);
    bind(
        std::os::fd::AsRawFd::as_raw_fd(&made),
        &SockaddrIn6::from(at),
    )?;
    Ok(made.into())
}
