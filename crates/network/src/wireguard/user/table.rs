//! Which peer a packet is for, and which one it is from. Replaced whole when peers change; what has been agreed upon with them stays.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use boringtun::noise::Tunn;
use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::x25519;
use ipnet::IpNet;
use parking_lot::Mutex;

use crate::wireguard::{Peer, Peers, PublicKey};

/// By as many bits messages name a peer; the eight below them name its sessions.
const INDEX_BITS: u32 = 24;
pub(super) const SESSION_BITS: u32 = 8;

/// A peer, and what has been agreed upon with it.
pub(super) struct Known {
    pub(super) peer: Peer,
    pub(super) talk: Arc<Talk>,
}

/// What has been agreed upon with a peer, wherever it is.
pub(super) struct Talk {
    index: u32,
    pub(super) tunn: Mutex<Tunn>,
    /// Whether it has been greeted, if only once: then the first packet need not wait, and a peer that has keys of an earlier run forgets them.
    pub(super) is_greeted: AtomicBool,
}

/// All peers.
#[derive(Default)]
pub(super) struct Table {
    peers: BTreeMap<PublicKey, Arc<Known>>,
    by_index: HashMap<u32, Arc<Known>>,
    /// By the first address of each range.
    by_range: BTreeMap<IpAddr, (IpNet, Arc<Known>)>,
}

impl Table {
    /// One that has these peers; `None` where this one has them.
    pub(super) fn with(
        &self,
        peers: &Peers,
        secret: &x25519::StaticSecret,
        limiter: &Arc<RateLimiter>,
    ) -> Option<Self> {
        let of_present = self.peers.iter().map(|(key, known)| (key, &known.peer));
        if of_present.eq(peers.iter()) {
            return None;
        }
        let mut table = Self::default();
        let kept = |key: &PublicKey| self.peers.get(key).map(|known| known.talk.clone());
        let mut indices = (0..1 << INDEX_BITS).filter(|index| !self.by_index.contains_key(index));
        for (key, peer) in peers {
            // There are more numbers than a cluster has nodes.
            let Some(talk) = kept(key).or_else(|| {
                let index = indices.next()?;
                Some(Arc::new(Talk::new(*key, index, secret, limiter)))
            }) else {
                break;
            };
            table.add(*key, peer.clone(), talk);
        }
        Some(table)
    }

    fn add(&mut self, key: PublicKey, peer: Peer, talk: Arc<Talk>) {
        let known = Arc::new(Known { peer, talk });
        self.by_index.insert(known.talk.index, known.clone());
        for range in &known.peer.ranges {
            let of_range = (*range, known.clone());
            self.by_range.insert(range.network(), of_range);
        }
        self.peers.insert(key, known);
    }

    /// Whose pod has this address.
    pub(super) fn toward(&self, ip: IpAddr) -> Option<&Arc<Known>> {
        let (_, (range, known)) = self.by_range.range(..=ip).next_back()?;
        range.contains(&ip).then_some(known)
    }

    /// Whom a message is from that names a session with it.
    pub(super) fn of_session(&self, index: u32) -> Option<&Arc<Known>> {
        self.by_index.get(&(index >> SESSION_BITS))
    }

    /// Whose key this is.
    pub(super) fn of_key(&self, key: [u8; 32]) -> Option<&Arc<Known>> {
        self.peers.get(&PublicKey(key))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Known>> {
        self.peers.values()
    }
}

impl Talk {
    fn new(
        key: PublicKey,
        index: u32,
        secret: &x25519::StaticSecret,
        limiter: &Arc<RateLimiter>,
    ) -> Self {
        let (public, limiter) = (x25519::PublicKey::from(key.0), limiter.clone());
        let tunn = Tunn::new(secret.clone(), public, None, None, index, Some(limiter));
        Self {
            index,
            tunn: Mutex::new(tunn),
            is_greeted: AtomicBool::new(false),
        }
    }
}
