//! Whose connections are to be looked at again: policies may no longer allow them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::element::Key;
use super::kernel::Change;

/// How long connections of pods that are gone, or that are somebody else to policies now, may go on: pods come and go all the time, and each
/// look is through all connections that the kernel tracks.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whose, and since when.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    touched: HashSet<IpAddr>,
    /// Anybody's.
    all: bool,
    /// When they are looked at; `None`: there are none to look at.
    due: Option<Instant>,
}

impl Cuts {
    /// Of anybody, at once.
    pub(super) fn all(&mut self) {
        self.all = true;
        self.due = Some(Instant::now());
    }

    /// Of those about whom less is let through now.
    pub(super) fn add(&mut self, (removed, added): &Change) {
        let removed = removed.iter().map(|(key, _)| key);
        let less = removed.filter(|key| key.permits());
        let added = added.iter().map(|(key, _)| key);
        for key in less.chain(added.filter(|key| !key.permits())) {
            let Some(address) = key.about() else {
                continue;
            };
            self.touched.insert(address);
            let wait = match key {
                Key::Identity(..) => PATIENCE,
                _ => Duration::ZERO,
            };
            let due = Instant::now() + wait;
            self.due = Some(self.due.map_or(due, |known| known.min(due)));
        }
    }

    /// When they are to be looked at.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whose; `None` is anybody's.
    pub(super) fn whose(&self) -> Option<HashSet<IpAddr>> {
        (!self.all).then(|| self.touched.clone())
    }

    /// They have been looked at.
    pub(super) fn done(&mut self) {
        *self = Self::default();
    }

    /// They could not be looked at, and are tried again.
    pub(super) fn again(&mut self, wait: Duration) {
        self.due = Some(Instant::now() + wait);
    }
}
