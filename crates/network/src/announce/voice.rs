//! Answers on one interface.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

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

/// Answers as long as it is there.
pub(super) struct Voice {
    spoken: watch::Sender<BTreeSet<IpAddr>>,
    _task: Task,
}

impl Voice {
    /// For no address so far.
    pub(super) fn start(interface: &Interface, netns: Option<&Path>) -> io::Result<Self> {
        let (index, own_v6) = (interface.index, interface.own_v6());
        let (arp, solicitations, groups) = namespace::open_socket(netns, || {
            Ok((
                packets::open(Frames::Arp, index)?,
                packets::open(Frames::Solicitations, index)?,
                // Without an address of IPv6 nothing could be answered.
                own_v6.map(|_| Groups::open(index)).transpose()?,
            ))
        })?;
        let (spoken, speaking) = watch::channel(BTreeSet::new());
        let speaker = Speaker {
            mac: interface.mac,
            own_v6,
            arp: Packets::new(arp)?,
            solicitations: Packets::new(solicitations)?,
            groups,
            speaking,
            spoken: BTreeSet::new(),
            untold: BTreeMap::new(),
        };
        Ok(Self {
            spoken,
            _task: Task::spawn(speaker.run()),
        })
    }

    /// Answers for these addresses, and for no others.
    pub(super) fn speak_for(&self, addresses: BTreeSet<IpAddr>) {
        self.spoken.send_if_modified(|spoken| {
            let changes = *spoken != addresses;
            *spoken = addresses;
            changes
        });
    }
}

struct Speaker {
    mac: Mac,
    own_v6: Option<Ipv6Addr>,
    arp: Packets,
    solicitations: Packets,
    groups: Option<Groups>,
    speaking: watch::Receiver<BTreeSet<IpAddr>>,
    spoken: BTreeSet<IpAddr>,
    /// Of which everybody is still to be told, and how often.
    untold: BTreeMap<IpAddr, u32>,
}

impl Speaker {
    async fn run(mut self) {
        let mut tell_at = Instant::now();
        loop {
            tokio::select! {
                changed = self.speaking.changed() => match changed {
                    Ok(()) => {
                        self.change();
                        tell_at = Instant::now();
                    }
                    Err(_) => return,
                },
                () = tokio::time::sleep_until(tell_at), if !self.untold.is_empty() => {
                    self.tell();
                    tell_at = Instant::now() + TELL_EVERY;
                }
                frame = self.arp.next() => self.answer_arp(&frame),
                frame = self.solicitations.next() => self.answer_solicitation(&frame),
            }
        }
    }

    fn change(&mut self) {
        let now = self.speaking.borrow_and_update().clone();
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
        for (ip, left) in &mut self.untold {
            match (ip, self.own_v6) {
                (IpAddr::V4(ip), _) => self.arp.send(&arp::announcement(*ip, self.mac)),
                (IpAddr::V6(ip), Some(own)) => {
                    let told = ndp::announcement(*ip, own, self.mac);
                    self.solicitations.send(&told);
                }
                (IpAddr::V6(_), None) => {}
            }
            *left = left.saturating_sub(1);
        }
        self.untold.retain(|_, left| *left > 0);
    }

    fn answer_arp(&self, frame: &[u8]) {
        let asked = arp::Request::parse(frame).filter(|it| self.spoken.contains(&it.target));
        if let Some(answer) = asked.and_then(|request| request.answer(self.mac)) {
            self.arp.send(&answer);
        }
    }

    fn answer_solicitation(&self, frame: &[u8]) {
        let asked = ndp::Solicitation::parse(frame).filter(|it| self.spoken.contains(&it.target));
        let answer = asked.zip(self.own_v6);
        if let Some(answer) = answer.and_then(|(asked, own)| asked.answer(own, self.mac)) {
            self.solicitations.send(&answer);
        }
    }
}
