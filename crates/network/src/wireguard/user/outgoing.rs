//! From the interface to the peers, and what is due from time to time.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use boringtun::noise::{Tunn, TunnResult};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{AROUND, BATCH, LARGEST, Shared, greeting};

/// How often it is looked whether something is due: keys are renewed after two minutes.
const TICK: Duration = Duration::from_millis(250);

/// Does so until it is to end, or the interface is gone.
pub(super) fn carry(shared: &Shared) {
    // What is put around a packet must fit.
    let (mut packet, mut encrypted) = (vec![0; LARGEST - AROUND], vec![0; LARGEST]);
    let mut last = Instant::now();
    greeting::look(shared, &mut encrypted);
    loop {
        let rest = TICK.saturating_sub(last.elapsed());
        let mut waiting = [
            PollFd::new(shared.tun.as_fd(), PollFlags::POLLIN),
            PollFd::new(shared.end.as_fd(), PollFlags::POLLIN),
        ];
        let timeout = PollTimeout::try_from(rest).unwrap_or(PollTimeout::ZERO);
        match poll(&mut waiting, timeout) {
            Err(Errno::EINTR) => {}
            Err(error) => {
                tracing::error!(%error, "packets to other nodes' pods are carried no more");
                return;
            }
            Ok(_) if waiting[1].any() == Some(true) => return,
            Ok(_) => {}
        }
        if let Err(error) = send(shared, &mut packet, &mut encrypted) {
            tracing::warn!(%error, "the interface of WireGuard is gone");
            return;
        }
        if last.elapsed() >= TICK {
            last = Instant::now();
            greeting::look(shared, &mut encrypted);
        }
    }
}

/// What waits in the interface, up to a batch of it.
fn send(shared: &Shared, packet: &mut [u8], encrypted: &mut [u8]) -> io::Result<()> {
    let table = shared.table.read().clone();
    for _ in 0..BATCH {
        let length = match (&shared.tun as &File).read(packet) {
            Ok(length) => length,
            // Also where the interface is down.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.raw_os_error() == Some(nix::libc::EIO) => return Ok(()),
            Err(error) => return Err(error),
        };
        let packet = &packet[..length];
        let Some(known) = Tunn::dst_address(packet).and_then(|ip| table.toward(ip)) else {
            continue;
        };
        let result = known.talk.tunn.lock().encapsulate(packet, encrypted);
        if let TunnResult::WriteToNetwork(encrypted) = result {
            shared.sockets.send(encrypted, known.peer.endpoint);
        }
    }
    Ok(())
}
