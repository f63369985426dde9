//! From the peers to the interface. Whatever comes is a stranger's until a peer's key says otherwise.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use boringtun::noise::handshake::parse_handshake_anon;
use boringtun::noise::{Packet, Tunn, TunnResult};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::table::{Known, Table};
use super::{BATCH, LARGEST, Shared};

/// Does so until it is to end.
pub(super) fn carry(shared: &Shared) {
    let (mut packet, mut decrypted) = (vec![0; LARGEST], vec![0; LARGEST]);
    loop {
        let mut waiting = vec![PollFd::new(shared.end.as_fd(), PollFlags::POLLIN)];
        let sockets = shared.sockets.all();
        waiting.extend(sockets.map(|it| PollFd::new(it.as_fd(), PollFlags::POLLIN)));
        match poll(&mut waiting, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(error) => {
                tracing::error!(%error, "packets of other nodes' pods are carried no more");
                return;
            }
            Ok(_) if waiting[0].any() == Some(true) => return,
            Ok(_) => {}
        }
        let table = shared.table.read().clone();
        for socket in shared.sockets.all() {
            receive(shared, &table, socket, &mut packet, &mut decrypted);
        }
    }
}

/// What waits in the socket, up to a batch of it.
fn receive(
    shared: &Shared,
    table: &Table,
    socket: &UdpSocket,
    packet: &mut [u8],
    decrypted: &mut [u8],
) {
    for _ in 0..BATCH {
        match socket.recv_from(packet) {
            Ok((length, from)) => hear(shared, table, (&packet[..length], from), decrypted),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            // Of an earlier packet, whose receiver is not there.
            Err(error) => tracing::trace!(%error, "an encrypted packet has not arrived"),
        }
    }
}

/// Does what a message asks for.
fn hear(shared: &Shared, table: &Table, message: (&[u8], SocketAddr), decrypted: &mut [u8]) {
    let (packet, from) = message;
    let Some(known) = sender(shared, table, message, decrypted) else {
        return;
    };
    let mut tunn = known.talk.tunn.lock();
    let had_keys = tunn.time_since_last_handshake().is_some();
    let result = tunn.decapsulate(Some(from.ip()), packet, decrypted);
    // Before anything is handed on, which takes the host's whole way of a packet: meanwhile others are encrypted for this peer.
    drop(tunn);
    let is_data = match result {
        TunnResult::WriteToNetwork(answer) => {
            shared.sockets.send(answer, known.peer.endpoint);
            false
        }
        TunnResult::WriteToTunnelV4(packet, ip) => {
            deliver(shared, known, packet, ip.into());
            true
        }
        TunnResult::WriteToTunnelV6(packet, ip) => {
            deliver(shared, known, packet, ip.into());
            true
        }
        TunnResult::Err(error) => {
            tracing::trace!(?error, %from, "a packet is passed over");
            return;
        }
        TunnResult::Done => false,
    };
    // The first packet of a peer that has begun is what shows that it has the keys, too.
    if !(is_data && had_keys) {
        send_waiting(shared, known, decrypted);
    }
}

/// What has waited for keys goes now, if there are any.
fn send_waiting(shared: &Shared, known: &Known, buffer: &mut [u8]) {
    loop {
        let mut tunn = known.talk.tunn.lock();
        if tunn.time_since_last_handshake().is_none() {
            return;
        }
        let TunnResult::WriteToNetwork(waited) = tunn.decapsulate(None, &[], buffer) else {
            return;
        };
        drop(tunn);
        shared.sockets.send(waited, known.peer.endpoint);
    }
}

/// Whom a message says to be from. One that would have keys agreed upon is looked at only as often as there is time for, unless its sender shows
/// that it is where it says to be.
fn sender<'a>(
    shared: &Shared,
    table: &'a Table,
    (packet, from): (&[u8], SocketAddr),
    buffer: &mut [u8],
) -> Option<&'a Arc<Known>> {
    match Tunn::parse_incoming_packet(packet).ok()? {
        Packet::HandshakeResponse(message) => table.of_session(message.receiver_idx),
        Packet::PacketCookieReply(message) => table.of_session(message.receiver_idx),
        Packet::PacketData(message) => table.of_session(message.receiver_idx),
        Packet::HandshakeInit(message) => {
            let limiter = &shared.limiter;
            match limiter.verify_packet(Some(from.ip()), packet, buffer) {
                Ok(_) => {}
                Err(TunnResult::WriteToNetwork(cookie)) => {
                    shared.sockets.send(cookie, from);
                    return None;
                }
                Err(_) => return None,
            }
            let greeting = parse_handshake_anon(&shared.secret, &shared.public, &message);
            table.of_key(greeting.ok()?.peer_static_public)
        }
    }
}

/// Hands a packet on, if it is from one of the peer's pods: nobody speaks for another node's.
fn deliver(shared: &Shared, known: &Known, packet: &[u8], from: IpAddr) {
    if !known.peer.has(from) {
        tracing::debug!(%from, "a node has sent what is not from its pods");
        return;
    }
    if let Err(error) = (&shared.tun as &File).write_all(packet) {
        tracing::trace!(%error, "a packet is lost");
    }
}

#[cfg(test)]
mod tests;
