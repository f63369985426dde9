//! A client of DNS that keeps a number of questions under way on each of several sockets, from one thread.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::message;
use crate::figures::Latencies;
use crate::load::{Done, Until};

/// How many milliseconds an answer may take: a lost one ends the run.
const PATIENCE: u16 = 2000;
/// How long a new service's name may take to be known, and how often it is asked for.
const KNOWN: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(20);
/// The longest answer over UDP to who does not say how long it may be.
const LONGEST: usize = 512;

/// A socket, and when what is under way on it was asked.
struct Lane {
    socket: UdpSocket,
    asked: Vec<Instant>,
}

impl Lane {
    fn open(server: SocketAddr) -> Result<Self> {
        let any = match server {
            SocketAddr::V4(_) => IpAddr::from([0; 4]),
            SocketAddr::V6(_) => IpAddr::from([0; 16]),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            asked: Vec::new(),
        })
    }

    /// Asks by the number of a place, which is free.
    fn ask(&mut self, place: u16, question: &mut [u8]) -> Result<()> {
        message::number(question, place);
        let now = Instant::now();
        match self.asked.get_mut(usize::from(place)) {
            Some(asked) => *asked = now,
            None => self.asked.push(now),
        }
        self.socket.send(question)?;
        Ok(())
    }

    /// An answer that is there, and how long it took.
    fn answer(&self) -> Result<Option<(u16, Duration)>> {
        let mut bytes = [0; LONGEST];
        let length = match self.socket.recv(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            received => received?,
        };
        let place = message::answer(&bytes[..length]).map_err(|what| anyhow!(what))?;
        let asked = self.asked.get(usize::from(place));
        let asked = asked.ok_or_else(|| anyhow!("an answer to no question"))?;
        Ok(Some((place, asked.elapsed())))
    }
}

/// Waits until a name has an address.
pub(super) fn known(server: SocketAddr, name: &str) -> Result<()> {
    let (mut lane, begin) = (Lane::open(server)?, Instant::now());
    let mut question = message::question(name);
    loop {
        lane.ask(0, &mut question)?;
        wait(std::slice::from_ref(&lane))?;
        match lane.answer() {
            Ok(Some(_)) => return Ok(()),
            Err(error) if begin.elapsed() > KNOWN => return Err(error.context(name.to_owned())),
            _ => std::thread::park_timeout(AGAIN),
        }
    }
}

/// Asks for these names in turn, with `places` questions under way on each socket.
pub(super) fn ask(
    server: SocketAddr,
    names: &[String],
    lanes: usize,
    places: usize,
    until: Until,
) -> Result<Done> {
    let mut questions: Vec<Vec<u8>> = names.iter().map(|name| message::question(name)).collect();
    let lanes = (0..lanes).map(|_| Lane::open(server));
    let mut lanes = lanes.collect::<Result<Vec<_>>>()?;
    let (mut latencies, begin, mut turn) = (Latencies::default(), Instant::now(), 0);
    let mut next = |lane: &mut Lane, place| {
        turn = (turn + 1) % questions.len();
        lane.ask(place, &mut questions[turn])
    };
    for lane in &mut lanes {
        (0..u16::try_from(places)?).try_for_each(|place| next(lane, place))?;
    }
    while !until.is_over(latencies.len(), begin) {
        let before = latencies.len();
        for lane in &mut lanes {
            // Each its turn.
            for _ in 0..places {
                let Some((place, took)) = lane.answer()? else {
                    break;
                };
                latencies.add(took);
                next(lane, place)?;
            }
        }
        if latencies.len() == before {
            wait(&lanes)?;
        }
    }
    Ok(Done {
        elapsed: begin.elapsed(),
        latencies,
    })
}

/// Waits for an answer at any of them.
fn wait(lanes: &[Lane]) -> Result<()> {
    let sockets = lanes
        .iter()
        .map(|lane| PollFd::new(lane.socket.as_fd(), PollFlags::POLLIN));
    if poll(
        &mut sockets.collect::<Vec<_>>(),
        PollTimeout::from(PATIENCE),
    )? == 0
    {
        bail!("an answer was lost");
    }
    Ok(())
}
