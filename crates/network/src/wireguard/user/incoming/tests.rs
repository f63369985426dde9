use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::x25519;
use nix::sys::eventfd::EventFd;
use parking_lot::RwLock;
use tokio::sync::Notify;

use super::super::Running;
use super::super::sockets::Sockets;
use super::*;
use crate::wireguard::{Peer, Peers, PublicKey};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(10);

/// A packet of IPv4 from a pod of one node to one of the other, with nothing in it.
fn packet(from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0; 20];
    (packet[0], packet[3]) = (0x45, 20);
    packet[12..16].copy_from_slice(&from.octets());
    packet[16..20].copy_from_slice(&to.octets());
    packet
}

/// A node with one peer, whose packets go to that socket; pods have its packets from the other end of the pipe.
fn shared(peer: &x25519::PublicKey, at: &UdpSocket) -> (Shared, File) {
    let (pods, tun) = nix::unistd::pipe().unwrap();
    let secret = x25519::StaticSecret::from([1; 32]);
    let public = x25519::PublicKey::from(&secret);
    let shared = Shared {
        tun: tun.into(),
        sockets: Sockets::bind(0).unwrap(),
        table: RwLock::default(),
        limiter: Arc::new(RateLimiter::new(&public, 100)),
        secret,
        public,
        end: EventFd::new().unwrap(),
        has_ended: AtomicBool::new(false),
    };
    let peer = (
        PublicKey(peer.to_bytes()),
        Peer {
            endpoint: at.local_addr().unwrap(),
            ranges: ["10.244.2.0/24".parse().unwrap()].into(),
        },
    );
    let peers: Peers = [peer].into();
    let table = Table::default().with(&peers, &shared.secret, &shared.limiter);
    *shared.table.write() = Arc::new(table.unwrap());
    (shared, pods.into())
}

#[test]
fn nothing_waits_for_a_packet_that_is_handed_on() {
    let at = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    at.set_read_timeout(Some(LONG)).unwrap();
    let secret = x25519::StaticSecret::from([2; 32]);
    let (shared, mut pods) = shared(&x25519::PublicKey::from(&secret), &at);
    let mut peer = Tunn::new(secret, shared.public, None, None, 1, None);
    let table = shared.table.read().clone();
    let known = table.all().next().unwrap().clone();
    let (own, other) = ([10, 244, 1, 2].into(), [10, 244, 2, 2].into());
    let (mut buffer, mut heard) = (vec![0; LARGEST], vec![0; LARGEST]);
    let from = at.local_addr().unwrap();

    // A packet to the peer waits for keys, upon which the peer begins.
    let waiting = packet(own, other);
    known.talk.tunn.lock().encapsulate(&waiting, &mut buffer);
    let TunnResult::WriteToNetwork(init) = peer.format_handshake_initiation(&mut buffer, true)
    else {
        panic!("no greeting");
    };
    hear(&shared, &table, (init, from), &mut heard);
    let length = at.recv(&mut heard).unwrap();
    // What it answers is kept back, as by a peer that has data to send.
    peer.decapsulate(None, &heard[..length], &mut buffer);
    let TunnResult::WriteToNetwork(data) = peer.encapsulate(&packet(other, own), &mut buffer)
    else {
        panic!("no keys");
    };

    // The pods take nothing for now.
    nix::fcntl::fcntl(&pods, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let full = [0; 4096];
    (&shared.tun as &File).write_all(&full).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| hear(&shared, &table, (data, from), &mut heard));
        let begun = Instant::now();
        let is_free = || {
            let tunn = known.talk.tunn.try_lock();
            tunn.is_some_and(|tunn| tunn.time_since_last_handshake().is_some())
        };
        while !is_free() && begun.elapsed() < LONG / 10 {
            std::thread::yield_now();
        }
        let was_free = is_free();
        pods.read_exact(&mut full.clone()).unwrap();
        assert!(was_free, "nobody can send to the peer meanwhile");
    });
    let mut delivered = [0; 20];
    pods.read_exact(&mut delivered).unwrap();
    assert_eq!(delivered, *packet(other, own));

    // And what has waited goes.
    let mut encrypted = vec![0; LARGEST];
    let length = at.recv(&mut encrypted).unwrap();
    let got = peer.decapsulate(None, &encrypted[..length], &mut buffer);
    assert!(matches!(got, TunnResult::WriteToTunnelV4(got, _) if got == waiting));
}

#[tokio::test]
async fn a_thread_that_ends_unasked_tells() {
    let at = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (shared, _pods) = shared(&x25519::PublicKey::from([2; 32]), &at);
    let (shared, ended) = (Arc::new(shared), Arc::new(Notify::new()));
    let running = || Running {
        shared: shared.clone(),
        ended: ended.clone(),
    };
    let is_told = || tokio::time::timeout(LONG / 100, ended.notified());
    drop(running());
    assert!(is_told().await.is_ok());
    // The other, which ends because of it, or both when they are asked to.
    drop(running());
    assert!(is_told().await.is_err());
}
