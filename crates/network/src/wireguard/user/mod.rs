//! This program's own device, for kernels that have none: a tun interface, whose packets [`boringtun`] encrypts, and a UDP socket of each family.
//!
//! Two threads carry packets, [`outgoing`] and [`incoming`]: encryption takes a core, and what else the agent does is not to wait for it. Each
//! has the buffers that it needs and no more; what waits is in the kernel's queues, and of a peer that is being greeted at most 256 packets.
//! A peer is where its node's object says, wherever its packets come from.

mod greeting;
mod incoming;
mod outgoing;
mod sockets;
mod table;
mod tun;

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::x25519;
use nix::sys::eventfd::{EfdFlags, EventFd};
use parking_lot::RwLock;
use tokio::sync::Notify;

use super::Peers;
use super::device::Settings;
use sockets::Sockets;
use table::Table;

/// How many messages that cost an agreement on keys are taken a second before their senders must show that they are where they say to be. Each
/// counts twice: as it comes, and when it is known whose it is.
const GREETINGS_PER_SECOND: u64 = 2 * 200;
/// What is put around a packet: kind 4, session 4, number 8, and the seal 16.
const AROUND: usize = 32;
/// The largest packet, with that.
const LARGEST: usize = 65_535 + AROUND;
/// How many packets are carried before anything else is looked at.
const BATCH: usize = 64;

/// What the threads share.
struct Shared {
    tun: File,
    sockets: Sockets,
    /// Replaced whole, so that no packet waits for it to be made.
    table: RwLock<Arc<Table>>,
    limiter: Arc<RateLimiter>,
    secret: x25519::StaticSecret,
    public: x25519::PublicKey,
    /// Readable when the threads are to end.
    end: EventFd,
    /// Whether one of them has ended, or both are to.
    has_ended: AtomicBool,
}

/// Of a thread: tells where it ends unasked, whatever it ends of.
struct Running {
    shared: Arc<Shared>,
    ended: Arc<Notify>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.shared.has_ended.swap(true, Ordering::AcqRel) {
            self.ended.notify_one();
        }
    }
}

/// The device, until this is dropped. The interface stays, and carries nothing then: what is sent there is lost, and goes nowhere else.
pub(super) struct User {
    shared: Arc<Shared>,
    index: u32,
    threads: Vec<JoinHandle<()>>,
}

/// Makes the interface, or takes it over from an earlier run, in the network namespace of the calling thread.
pub(super) fn start(settings: &Settings) -> io::Result<User> {
    let (tun, index) = tun::open(&settings.name)?;
    let secret = settings.key.secret();
    let public = x25519::PublicKey::from(&secret);
    let shared = Arc::new(Shared {
        tun,
        sockets: Sockets::bind(settings.port.get())?,
        table: RwLock::default(),
        limiter: Arc::new(RateLimiter::new(&public, GREETINGS_PER_SECOND)),
        secret,
        public,
        end: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
        has_ended: AtomicBool::new(false),
    });
    let mut device = User {
        shared,
        index,
        threads: Vec::new(),
    };
    for (name, carry) in [
        ("wireguard-out", outgoing::carry as fn(&Shared)),
        ("wireguard-in", incoming::carry),
    ] {
        let running = Running {
            shared: device.shared.clone(),
            ended: settings.ended.clone(),
        };
        let thread = Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || carry(&running.shared))?;
        device.threads.push(thread);
    }
    Ok(device)
}

impl User {
    /// Whether it carries packets of the interface of this index.
    pub(super) fn carries(&self, index: u32) -> bool {
        self.index == index && !self.shared.has_ended.load(Ordering::Acquire)
    }

    /// Has it have these peers. Those that it had go on with their keys.
    pub(super) fn configure(&self, peers: &Peers) {
        let present = self.shared.table.read().clone();
        if let Some(table) = present.with(peers, &self.shared.secret, &self.shared.limiter) {
            *self.shared.table.write() = Arc::new(table);
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Release);
        if let Err(error) = self.shared.end.write(1) {
            tracing::error!(%error, "the threads of WireGuard are not ended");
            return;
        }
        for thread in self.threads.drain(..) {
            // One that has panicked has ended, too.
            let _ = thread.join();
        }
    }
}
