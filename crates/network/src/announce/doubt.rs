//! What a node does that may know old things alone. Pure.
//!
//! While the API cannot be reached a node goes by what it has heard last, and goes on answering: where the API is gone for all, all addresses
//! stay where they are. But others may have been told of its silence and have taken its addresses. So it asks its segment for them, and whoever
//! answers, or has told of one since, has it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// The age of knowledge that is doubted: two renewals of the node's lease have failed. Long before `node-monitor-grace-period` (50 seconds) is
/// over, after which others may take what is this node's.
const DOUBTED: Duration = Duration::from_secs(20);

/// Of the addresses of one interface.
#[derive(Debug)]
pub(super) struct Doubt {
    /// Up to when this node has known what the API knows.
    known: Instant,
    /// When somebody else has said last that an address is theirs.
    others: BTreeMap<IpAddr, Instant>,
    /// What has been left to others.
    left: BTreeSet<IpAddr>,
}

impl Doubt {
    pub(super) fn new(known: Instant) -> Self {
        Self {
            known,
            others: BTreeMap::new(),
            left: BTreeSet::new(),
        }
    }

    /// From when on what is known is doubted.
    pub(super) fn from(&self) -> Instant {
        self.known + DOUBTED
    }

    /// The API has been heard. What was left to others stays with them for one time more: what it knows of this node comes after that.
    pub(super) fn hear(&mut self, at: Instant) {
        if at < self.from() {
            self.left.clear();
        }
        self.known = at;
    }

    /// Somebody else says that the address is theirs.
    pub(super) fn claim(&mut self, ip: IpAddr, now: Instant) {
        self.others.insert(ip, now);
    }

    /// Which of these addresses are this node's all the same.
    pub(super) fn sift(&mut self, wanted: &BTreeSet<IpAddr>, now: Instant) -> BTreeSet<IpAddr> {
        self.others.retain(|ip, _| wanted.contains(ip));
        self.left.retain(|ip| wanted.contains(ip));
        if now >= self.from() {
            let since = self.others.iter().filter(|(_, at)| **at > self.known);
            self.left.extend(since.map(|(ip, _)| *ip));
        }
        wanted.difference(&self.left).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_others_have_taken_is_theirs_once_the_api_is_not_heard() {
        let start = Instant::now();
        let at = |seconds: u32| start + SECOND * seconds;
        let [ours, theirs] = [1, 2].map(|it| IpAddr::from([192, 0, 2, it]));
        let all = BTreeSet::from([ours, theirs]);
        let mut doubt = Doubt::new(start);
        // Before, somebody lags behind.
        doubt.claim(theirs, at(1));
        assert_eq!(doubt.sift(&all, at(19)), all);
        doubt.hear(at(19));
        assert_eq!(doubt.sift(&all, at(40)), all, "that was before");
        doubt.claim(theirs, at(41));
        assert_eq!(doubt.sift(&all, at(41)), [ours].into());
        // Nobody else takes anything: it stays, however long.
        assert_eq!(doubt.sift(&all, at(4000)), [ours].into());
        // The API is back, and says by the next time whose they are.
        doubt.hear(at(4001));
        assert_eq!(doubt.sift(&all, at(4002)), [ours].into());
        doubt.hear(at(4011));
        assert_eq!(doubt.sift(&all, at(4012)), all);
    }

    #[test]
    fn what_the_api_takes_back_and_gives_again_is_no_longer_left() {
        let start = Instant::now();
        let ip = IpAddr::from([192, 0, 2, 1]);
        let mut doubt = Doubt::new(start);
        doubt.claim(ip, start + SECOND);
        let later = start + DOUBTED;
        assert!(doubt.sift(&[ip].into(), later).is_empty());
        doubt.hear(later + SECOND);
        assert!(doubt.sift(&[].into(), later + SECOND).is_empty());
        assert_eq!(doubt.sift(&[ip].into(), later + SECOND * 2), [ip].into());
    }
}
