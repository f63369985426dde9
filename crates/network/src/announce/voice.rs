//! Answers on one interface.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::claim::Claim;
use super::conflicts::Conflicts;
use super::doubt::Doubt;
use super::groups::Groups;
use super::interfaces::Interface;
use super::mark::Mark;
use super::packets::{self, Frames, Packets};
use super::probation::Probation;
use super::{Mac, arp, ndp};
use crate::namespace;
use crate::task::Task;

/// How often everybody is told of an address that is taken over: one frame may be lost, and whoever has just learnt another hardware
/// address believes no new one for a second.
const TELLS: u32 = 4;
/// The time between two of them.
const TELL_EVERY: Duration = Duration::from_millis(1100);
/// How often the segment is asked for the addresses while the API is not heard.
const ASK_EVERY: Duration = Duration::from_secs(3);

/// Whose voices they are.
#[derive(Clone)]
pub(super) struct Node {
    /// The network namespace that it is in; `None` is the one of the calling thread.
    pub(super) netns: Option<PathBuf>,
    /// When the API has been heard last.
    pub(super) heard: watch::Receiver<Instant>,
    /// Its cluster's.
    pub(super) mark: Mark,
    pub(super) conflicts: Arc<Conflicts>,
}

/// Answers as long as it is there.
pub(super) struct Voice {
    wanted: watch::Sender<BTreeSet<IpAddr>>,
    _task: Task,
}

impl Voice {
    /// For no address so far.
    pub(super) fn start(interface: &Interface, node: Node) -> io::Result<Self> {
        let (index, own_v6) = (interface.index, interface.own_v6());
        let netns = node.netns.as_deref();
        let (arp, neighbours) = namespace::open_socket(netns, || {
            let neighbours = packets::open(Frames::Neighbours, index)?;
            Ok((packets::open(Frames::Arp, index)?, neighbours))
        })?;
        // Without an address of IPv6 nothing could be answered.
        let groups = own_v6.map(|_| Groups::of(index, netns));
        let (wanted, changes) = watch::channel(BTreeSet::new());
        let known = *node.heard.borrow();
        let speaker = Speaker {
            mac: interface.mac,
            own_v6,
            arp: Packets::new(arp)?,
            neighbours: Packets::new(neighbours)?,
            groups,
            wanted: changes,
            node,
            doubt: Doubt::new(known),
            probation: Probation::default(),
            spoken: BTreeSet::new(),
            untold: BTreeMap::new(),
        };
        Ok(Self {
            wanted,
            _task: Task::spawn(speaker.run()),
        })
    }

    /// Answers for these addresses, and for no others.
    pub(super) fn speak_for(&self, addresses: BTreeSet<IpAddr>) {
        self.wanted.send_if_modified(|wanted| {
            let changes = *wanted != addresses;
            *wanted = addresses;
            changes
        });
    }
}

struct Speaker {
    mac: Mac,
    own_v6: Option<Ipv6Addr>,
    arp: Packets,
    neighbours: Packets,
    groups: Option<Groups>,
    wanted: watch::Receiver<BTreeSet<IpAddr>>,
    node: Node,
    doubt: Doubt,
    /// Of those that are wanted and not left to others, those that may be strangers'.
    probation: Probation,
    /// The rest of them.
    spoken: BTreeSet<IpAddr>,
    /// Of which everybody is still to be told, and how often.
    untold: BTreeMap<IpAddr, u32>,
}

impl Speaker {
    async fn run(mut self) {
        let (mut tell_at, mut ask_at) = (Instant::now(), self.doubt.from());
        loop {
            tokio::select! {
                changed = self.wanted.changed() => match changed {
                    Ok(()) => self.change(),
                    Err(_) => return,
                },
                () = at(self.probation.next()) => {
                    if self.probe() {
                        tell_at = Instant::now();
                    }
                }
                Ok(()) = self.node.heard.changed() => {
                    let heard = *self.node.heard.borrow_and_update();
                    self.doubt.hear(heard);
                    self.change();
                }
                () = tokio::time::sleep_until(tell_at), if !self.untold.is_empty() => {
                    self.tell();
                    tell_at = Instant::now() + TELL_EVERY;
                }
                () = tokio::time::sleep_until(ask_at.max(self.doubt.from())), if !self.spoken.is_empty() => {
                    self.change();
                    self.spoken.iter().for_each(|ip| self.ask(*ip));
                    ask_at = Instant::now() + ASK_EVERY;
                }
                frame = self.arp.next() => self.hear_arp(&frame),
                frame = self.neighbours.next() => self.hear_neighbour(&frame),
            }
        }
    }

    fn change(&mut self) {
        let wanted = self.wanted.borrow_and_update().clone();
        let ours = self.doubt.sift(&wanted, Instant::now());
        let new = ours.difference(&self.spoken).copied().collect();
        self.probation.keep(&new, Instant::now());
        let left = self.spoken.difference(&ours);
        for ip in left.filter(|ip| wanted.contains(ip)) {
            tracing::warn!(%ip, "the API is not heard, and another host has taken a load balancer's address");
        }
        let still = self.spoken.intersection(&ours).copied().collect();
        self.speak(still);
    }

    /// Asks for what may be a stranger's. Says whether there is anything now that is nobody's, of which everybody is to be told.
    fn probe(&mut self) -> bool {
        let due = self.probation.due(Instant::now());
        due.asked.iter().for_each(|ip| self.ask(*ip));
        let all = self.spoken.union(&due.free).copied().collect();
        self.speak(all);
        !due.free.is_empty()
    }

    /// Answers for these.
    fn speak(&mut self, now: BTreeSet<IpAddr>) {
        if now == self.spoken {
            return;
        }
        for ip in now.difference(&self.spoken) {
            tracing::info!(%ip, "this node answers for a load balancer's address");
            self.untold.insert(*ip, TELLS);
        }
        self.untold.retain(|ip, _| now.contains(ip));
        if let Some(groups) = &mut self.groups {
            let wanted = now.iter().filter_map(|ip| match ip {
                IpAddr::V6(ip) => Some(ndp::group_of(*ip)),
                IpAddr::V4(_) => None,
            });
            groups.be_in(&wanted.collect());
        }
        self.spoken = now;
    }

    fn tell(&mut self) {
        let mark = self.node.mark;
        for (ip, left) in &mut self.untold {
            match (ip, self.own_v6) {
                (IpAddr::V4(ip), _) => self.arp.send(&arp::announcement(*ip, self.mac, mark)),
                (IpAddr::V6(ip), Some(own)) => {
                    let told = ndp::announcement(*ip, own, self.mac, mark);
                    self.neighbours.send(&told);
                }
                (IpAddr::V6(_), None) => {}
            }
            *left = left.saturating_sub(1);
        }
        self.untold.retain(|_, left| *left > 0);
    }

    /// Asks whether somebody else has the address.
    fn ask(&self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.arp.send(&arp::probe(ip, self.mac)),
            IpAddr::V6(ip) => self.neighbours.send(&ndp::probe(ip, self.mac)),
        }
    }

    fn hear_arp(&mut self, frame: &[u8]) {
        self.hear_claim(arp::claimed(frame));
        let asked = arp::Request::parse(frame).filter(|it| self.spoken.contains(&it.target));
        if let Some(answer) = asked.and_then(|request| request.answer(self.mac, self.node.mark)) {
            self.arp.send(&answer);
        }
    }

    fn hear_neighbour(&mut self, frame: &[u8]) {
        self.hear_claim(ndp::claimed(frame));
        let asked = ndp::Solicitation::parse(frame).filter(|it| self.spoken.contains(&it.target));
        let answer = asked.zip(self.own_v6);
        if let Some(answer) =
            answer.and_then(|(asked, own)| asked.answer(own, self.mac, self.node.mark))
        {
            self.neighbours.send(&answer);
        }
    }

    fn hear_claim(&mut self, claim: Option<Claim>) {
        let (Some(Claim { ip, mac, mark }), now) = (claim, Instant::now()) else {
            return;
        };
        if mac == self.mac {
            return;
        }
        if self.spoken.contains(&ip) {
            self.doubt.claim(ip, now);
            self.change();
        } else if mark != Some(self.node.mark) && self.probation.claim(ip, now) {
            self.node.conflicts.tell(ip, mac);
        }
    }
}

/// Waits for a moment; for ever where there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
