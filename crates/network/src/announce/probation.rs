//! Addresses that this node is to answer for, until it is known that no stranger has them (RFC 5227, 2.1; RFC 4862, 5.4). Pure.
//!
//! Another node of the cluster may: it has not heard yet that its time is over, or does not hear the API. From it the address is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// How often an address is asked for without an answer until it is nobody's.
const QUESTIONS: u32 = 3;
/// The time between two of them. Three of a second, as they would be between hosts that come up, would be long for an address that moves.
const EVERY: Duration = Duration::from_millis(300);
/// When an address is asked for again that somebody has.
const AGAIN: Duration = Duration::from_secs(5);

/// Those of one interface.
#[derive(Debug, Default)]
pub(super) struct Probation(BTreeMap<IpAddr, Asked>);

#[derive(Debug)]
struct Asked {
    next: Instant,
    /// So many questions in a row.
    unanswered: u32,
    is_taken: bool,
}

/// What is to be done now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// To be asked for.
    pub(super) asked: BTreeSet<IpAddr>,
    /// Nobody's, and so on probation no more.
    pub(super) free: BTreeSet<IpAddr>,
}

impl Probation {
    /// Has these on probation, and no others.
    pub(super) fn keep(&mut self, wanted: &BTreeSet<IpAddr>, now: Instant) {
        self.0.retain(|ip, _| wanted.contains(ip));
        for ip in wanted {
            self.0.entry(*ip).or_insert(Asked {
                next: now,
                unanswered: 0,
                is_taken: false,
            });
        }
    }

    /// When there is something to do next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|asked| asked.next).min()
    }

    pub(super) fn due(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        for (ip, asked) in self.0.iter_mut().filter(|(_, asked)| asked.next <= now) {
            if asked.unanswered == QUESTIONS {
                due.free.insert(*ip);
                continue;
            }
            asked.unanswered += 1;
            asked.next = now + EVERY;
            due.asked.insert(*ip);
        }
        self.0.retain(|ip, _| !due.free.contains(ip));
        due
    }

    /// A stranger has the address. Says whether that is new.
    pub(super) fn claim(&mut self, ip: IpAddr, now: Instant) -> bool {
        let Some(asked) = self.0.get_mut(&ip) else {
            return false;
        };
        asked.unanswered = 0;
        asked.next = now + AGAIN;
        !std::mem::replace(&mut asked.is_taken, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is done of one address until nothing is due before this time: `?` it is asked for, `!` it is nobody's.
    fn until(probation: &mut Probation, start: Instant, seconds: u64) -> String {
        let mut done = String::new();
        while let Some(next) = probation.next()
            && next <= start + Duration::from_secs(seconds)
        {
            let due = probation.due(next);
            let marks = [(due.asked, '?'), (due.free, '!')];
            done.extend(
                marks
                    .iter()
                    .flat_map(|(all, mark)| all.iter().map(|_| *mark)),
            );
        }
        done
    }

    #[test]
    fn what_nobody_has_is_ours_in_a_second() {
        let (start, ip) = (Instant::now(), IpAddr::from([192, 0, 2, 1]));
        let mut probation = Probation::default();
        assert!(!probation.claim(ip, start), "nobody has asked");
        probation.keep(&[ip].into(), start);
        assert_eq!(until(&mut probation, start, 1), "???!");
        assert_eq!(probation.next(), None);
    }

    #[test]
    fn what_a_stranger_has_is_asked_for_until_it_is_given_up() {
        let (start, ip) = (Instant::now(), IpAddr::from([192, 0, 2, 1]));
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut probation = Probation::default();
        probation.keep(&[ip].into(), start);
        assert_eq!(probation.due(start).asked, [ip].into());
        assert!(probation.claim(ip, start));
        for seconds in [5, 10] {
            assert_eq!(until(&mut probation, start, seconds - 1), "");
            assert_eq!(probation.due(at(seconds)).asked, [ip].into());
            assert!(!probation.claim(ip, at(seconds)), "it was told");
        }
        // What is still wanted goes on as it was.
        probation.keep(&[ip].into(), at(11));
        assert_eq!(until(&mut probation, start, 16), "???!");
        // An answer comes just before it would have been nobody's.
        probation.keep(&[ip].into(), at(20));
        for _ in 0..3 {
            let next = probation.next().unwrap();
            assert_eq!(probation.due(next).asked, [ip].into());
        }
        assert!(probation.claim(ip, probation.next().unwrap()));
        assert_eq!(until(&mut probation, start, 25), "");
        // It is wanted no more.
        probation.keep(&[].into(), at(26));
        assert_eq!(until(&mut probation, start, 1000), "");
    }
}
