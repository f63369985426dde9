//! Frames of one interface, as they come and go: sockets of the family `packet`.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{arp, ndp};

/// As much of a frame as is looked at.
const LOOKED_AT: usize = 256;
/// After a read that failed: the interface may be down.
const PAUSE: Duration = Duration::from_secs(1);

/// What a socket is told of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Frames {
    /// ARP.
    Arp,
    /// Neighbour solicitations and advertisements of IPv6.
    Neighbours,
}

impl Frames {
    fn ethertype(self) -> u16 {
        match self {
            Self::Arp => arp::ETHERTYPE,
            Self::Neighbours => ndp::ETHERTYPE,
        }
    }

    /// The kernel's filter: `(code, jump if true, jump if false, operand)`. It accepts by returning how much of a frame is told.
    fn filter(self) -> Vec<libc::sock_filter> {
        const OCTET: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
        const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
        // Of a frame itself nothing says so: it is for another host, or of a VLAN that this one is not in, which the kernel has taken the tag from.
        const WHOSE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE) as u32;
        const OF_OTHERS: u32 = libc::PACKET_OTHERHOST as u32;
        const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
        let all: &[(u16, u8, u8, u32)] = match self {
            // Of the operation, the second octet: a request or an answer.
            Self::Arp => &[
                (OCTET, 0, 0, WHOSE),
                (EQUALS, 4, 0, OF_OTHERS),
                (OCTET, 0, 0, 21),
                (EQUALS, 1, 0, 1),
                (EQUALS, 0, 1, 2),
                (RETURN, 0, 0, LOOKED_AT as u32),
                (RETURN, 0, 0, 0),
            ],
            // What is in the packet, and of what type.
            Self::Neighbours => &[
                (OCTET, 0, 0, WHOSE),
                (EQUALS, 6, 0, OF_OTHERS),
                (OCTET, 0, 0, 20),
                (EQUALS, 0, 4, ndp::ICMP as u32),
                (OCTET, 0, 0, 54),
                (EQUALS, 1, 0, ndp::SOLICITATION as u32),
                (EQUALS, 0, 1, ndp::ADVERTISEMENT as u32),
                (RETURN, 0, 0, LOOKED_AT as u32),
                (RETURN, 0, 0, 0),
            ],
        };
        let step = |&(code, jt, jf, k): &_| libc::sock_filter { code, jt, jf, k };
        all.iter().map(step).collect()
    }
}

/// Opens a socket for these frames of an interface, in the network namespace of the calling thread.
pub(super) fn open(frames: Frames, interface: u32) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    // Of no protocol, so that nothing comes before the filter is in place.
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    attach(&socket, frames.filter())?;
    bind(&socket, frames.ethertype(), interface)?;
    Ok(socket)
}

#[expect(unsafe_code, reason = "nix knows no filters of sockets")]
fn attach(socket: &OwnedFd, mut filter: Vec<libc::sock_filter>) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program, of that size, and the filter it points to, of that length; both live until it has returned.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    nix::errno::Errno::result(done)?;
    Ok(())
}

#[expect(unsafe_code, reason = "nix makes no addresses of interfaces")]
fn bind(socket: &OwnedFd, ethertype: u16, interface: u32) -> io::Result<()> {
    let index = i32::try_from(interface).map_err(io::Error::other)?;
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: ethertype.to_be(),
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the kernel reads an address of that size, which lives until it has returned.
    let done = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of_val(&address) as libc::socklen_t,
        )
    };
    nix::errno::Errno::result(done)?;
    Ok(())
}

/// A socket from [`open`].
pub(super) struct Packets(AsyncFd<OwnedFd>);

impl Packets {
    /// To be called where tokio runs.
    #[expect(unsafe_code, reason = "tokio cannot see whose the descriptor is")]
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        // SAFETY: the socket is its descriptor's owner, and closes it only when it is dropped, with what is returned here.
        Ok(Self(unsafe { AsyncFd::register(socket) }?))
    }

    /// Waits for the next frame; what of it is longer than is looked at is cut off.
    pub(super) async fn next(&self) -> Vec<u8> {
        let mut frame = vec![0; LOOKED_AT];
        loop {
            let read = self.0.async_io(Interest::READABLE, |socket| {
                Ok(recv(socket.as_raw_fd(), &mut frame, MsgFlags::empty())?)
            });
            match read.await {
                Ok(length) => {
                    frame.truncate(length);
                    return frame;
                }
                Err(error) => {
                    tracing::debug!(%error, "questions for hardware addresses were missed");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Sends a frame; where there is no room for it now it is lost, as frames are: whoever asks asks again.
    pub(super) fn send(&self, frame: &[u8]) {
        let sent = send(self.0.as_raw_fd(), frame, MsgFlags::empty());
        if let Err(error) = sent {
            tracing::debug!(%error, "an answer was lost");
        }
    }
}
