//! Answers on one interface.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::doubt::Doubt;
use super::groups::Groups;
use super::interfaces::Interface;
use super::packets::{self, Frames, Packets};
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

/// Answers as long as it is there.
pub(super) struct Voice {
    wanted: watch::Sender<BTreeSet<IpAddr>>,
    _task: Task,
}

impl Voice {
    /// For no address so far. `heard`: when the API was heard last.
    pub(super) fn start(
        interface: &Interface,
        netns: Option<&Path>,
        heard: watch::Receiver<Instant>,
    ) -> io::Result<Self> {
        let (index, own_v6) = (interface.index, interface.own_v6());
        let (arp, neighbours) = namespace::open_socket(netns, || {
            let neighbours = packets::open(Frames::Neighbours, index)?;
            Ok((packets::open(Frames::Arp, index)?, neighbours))
        })?;
        // Without an address of IPv6 nothing could be answered.
        let groups = own_v6.map(|_| Groups::of(index, netns));
        let (wanted, changes) = watch::channel(BTreeSet::new());
        let known = *heard.borrow();
        let speaker = Speaker {
            mac: interface.mac,
            own_v6,
            arp: Packets::new(arp)?,
            neighbours: Packets::new(neighbours)?,
            groups,
            wanted: changes,
            heard,
            doubt: Doubt::new(known),
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
    heard: watch::Receiver<Instant>,
    doubt: Doubt,
    /// Of those that are wanted, those that were not left to others.
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
                    Ok(()) => {
                        self.change();
                        tell_at = Instant::now();
                    }
                    Err(_) => return,
                },
                Ok(()) = self.heard.changed() => {
                    let heard = *self.heard.borrow_and_update();
                    self.doubt.hear(heard);
                    self.change();
                }
                () = tokio::time::sleep_until(tell_at), if !self.untold.is_empty() => {
                    self.tell();
                    tell_at = Instant::now() + TELL_EVERY;
                }
                () = tokio::time::sleep_until(ask_at.max(self.doubt.from())), if !self.spoken.is_empty() => {
                    self.change();
                    self.ask();
                    ask_at = Instant::now() + ASK_EVERY;
                }
                frame = self.arp.next() => self.hear_arp(&frame),
                frame = self.neighbours.next() => self.hear_neighbour(&frame),
            }
        }
    }

    fn change(&mut self) {
        let wanted = self.wanted.borrow_and_update().clone();
        let now = self.doubt.sift(&wanted, Instant::now());
        if now == self.spoken {
            return;
        }
        for ip in now.difference(&self.spoken) {
            tracing::info!(%ip, "this node answers for a load balancer's address");
            self.untold.insert(*ip, TELLS);
        }
        for ip in self
            .spoken
            .difference(&now)
            .filter(|ip| wanted.contains(ip))
        {
            tracing::warn!(%ip, "the API is not heard, and another host has taken a load balancer's address");
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
        for (ip, left) in &mut self.untold {
            match (ip, self.own_v6) {
                (IpAddr::V4(ip), _) => self.arp.send(&arp::announcement(*ip, self.mac)),
                (IpAddr::V6(ip), Some(own)) => {
                    let told = ndp::announcement(*ip, own, self.mac);
                    self.neighbours.send(&told);
                }
                (IpAddr::V6(_), None) => {}
            }
            *left = left.saturating_sub(1);
        }
        self.untold.retain(|_, left| *left > 0);
    }

    /// Asks whether others have the addresses by now.
    fn ask(&self) {
        for ip in &self.spoken {
            match ip {
                IpAddr::V4(ip) => self.arp.send(&arp::probe(*ip, self.mac)),
                IpAddr::V6(ip) => self.neighbours.send(&ndp::probe(*ip, self.mac)),
            }
        }
    }

    fn hear_arp(&mut self, frame: &[u8]) {
        self.hear_claim(arp::claimed(frame));
        let asked = arp::Request::parse(frame).filter(|it| self.spoken.contains(&it.target));
        if let Some(answer) = asked.and_then(|request| request.answer(self.mac)) {
            self.arp.send(&answer);
        }
    }

    fn hear_neighbour(&mut self, frame: &[u8]) {
        self.hear_claim(ndp::claimed(frame));
        let asked = ndp::Solicitation::parse(frame).filter(|it| self.spoken.contains(&it.target));
        let answer = asked.zip(self.own_v6);
        if let Some(answer) = answer.and_then(|(asked, own)| asked.answer(own, self.mac)) {
            self.neighbours.send(&answer);
        }
    }

    fn hear_claim(&mut self, claim: Option<(IpAddr, Mac)>) {
        if let Some((ip, _)) =
            claim.filter(|(ip, mac)| self.spoken.contains(ip) && *mac != self.mac)
        {
            self.doubt.claim(ip, Instant::now());
            self.change();
        }
    }
}
