//! How large packets may be that arrive.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::super::answerer::whole;

/// How often one packet is sent, and how long each time it has to come back.
const TRIES: usize = 4;
const PATIENCE: Duration = Duration::from_millis(400);
/// How often the kernel may learn, meanwhile, that a packet is too large.
const LESSONS: usize = 4;
/// What stands before the data: the header of UDP, and that of IP.
const UDP: u32 = 8;

/// The largest packet that may be sent there, if it arrives and comes back: that of the route, or what a router said of it.
///
/// # Errors
/// Nothing comes back; or only smaller ones do, which is what breaks connections where it is least expected, and then how large they may be.
pub(super) async fn largest(address: SocketAddr) -> io::Result<u32> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    whole(&socket)?;
    socket.connect(address).await?;
    let way = Way { socket, address };
    let mut mtu = way.mtu()?;
    for _ in 0..LESSONS {
        match way.passes(mtu).await {
            Ok(true) => return Ok(mtu),
            Ok(false) => break,
            Err(error) if Errno::from_io_error(&error) == Some(Errno::MSGSIZE) => {
                mtu = way.mtu()?;
            }
            Err(error) => return Err(error),
        }
    }
    let smallest = way.smallest().min(mtu);
    if !way.passes(smallest).await? {
        return Err(io::Error::other("none comes back by UDP"));
    }
    let most = way.most(smallest, mtu).await?;
    Err(io::Error::other(format!(
        "those of {mtu} bytes may be sent and do not come back, those of {most} do"
    )))
}

struct Way {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Way {
    /// The largest packet that the kernel sends there.
    fn mtu(&self) -> io::Result<u32> {
        Ok(match self.address {
            SocketAddr::V4(_) => sockopt::ip_mtu(&self.socket)?,
            SocketAddr::V6(_) => sockopt::ipv6_mtu(&self.socket)?,
        })
    }

    /// What every host takes.
    fn smallest(&self) -> u32 {
        match self.address {
            SocketAddr::V4(_) => 576,
            SocketAddr::V6(_) => 1280,
        }
    }

    fn headers(&self) -> u32 {
        match self.address {
            SocketAddr::V4(_) => 20 + UDP,
            SocketAddr::V6(_) => 40 + UDP,
        }
    }

    /// The largest between one that comes back and one that does not.
    async fn most(&self, mut comes: u32, mut lost: u32) -> io::Result<u32> {
        while lost.saturating_sub(comes) > 1 {
            let size = comes.midpoint(lost);
            match self.passes(size).await {
                Ok(true) => comes = size,
                Ok(false) => lost = size,
                Err(error) if Errno::from_io_error(&error) == Some(Errno::MSGSIZE) => lost = size,
                Err(error) => return Err(error),
            }
        }
        Ok(comes)
    }

    /// Whether a packet of the size comes back.
    async fn passes(&self, size: u32) -> io::Result<bool> {
        // The length is what one packet is told from another by.
        let sent = vec![0; size.saturating_sub(self.headers()) as usize];
        for _ in 0..TRIES {
            self.socket.send(&sent).await?;
            if timeout(PATIENCE, self.comes_back(sent.len())).await.is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn comes_back(&self, length: usize) {
        let mut buffer = vec![0; length + 1];
        // An error is that of an earlier packet: this one may come all the same.
        while self.socket.recv(&mut buffer).await.ok() != Some(length) {
            tokio::task::yield_now().await;
        }
    }
}
