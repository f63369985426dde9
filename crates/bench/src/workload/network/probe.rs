//! Asks an address until an endpoint answers.
//!
//! Each question is a connection of its own, for the kernel keeps to what it has decided for one; and none waits for an answer before the
//! next is asked, for what is dropped has none.

use std::collections::VecDeque;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::libc::linger;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

/// Questions that are waited for at a time: older ones are given up.
const OPEN: usize = 32;
/// How long all of them may go without the answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// When it was there, and at which question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) at: Instant,
    pub(super) questions: usize,
}

/// Asks at `service` every so often until this endpoint answers, or any.
pub(super) fn answer(service: SocketAddr, by: Option<IpAddr>, pause: Duration) -> Result<Answer> {
    let begin = Instant::now();
    let mut open = VecDeque::with_capacity(OPEN);
    let mut questions = 0;
    while begin.elapsed() < PATIENCE {
        questions += 1;
        if open.len() == OPEN {
            open.pop_front();
        }
        open.extend(ask(service)?);
        let next = Instant::now() + pause;
        while let Some(rest) = next.checked_duration_since(Instant::now()) {
            let who = answers(&mut open, rest)?;
            if who.iter().any(|who| by.is_none_or(|by| by == *who)) {
                let at = Instant::now();
                return Ok(Answer { at, questions });
            }
        }
    }
    bail!("{service} has not answered in {PATIENCE:?}")
}

/// Begins a connection; nothing where that is refused at once.
fn ask(service: SocketAddr) -> Result<Option<TcpStream>> {
    let family = match service {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(family, SockType::Stream, flags, None)?;
    // A reset is its end, and leaves nothing behind at the server: thousands of clients have no other two addresses to go to.
    setsockopt(
        &socket,
        sockopt::Linger,
        &linger {
            l_onoff: 1,
            l_linger: 0,
        },
    )?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(service)) {
        Ok(()) | Err(nix::Error::EINPROGRESS) => Ok(Some(socket.into())),
        Err(_) => Ok(None),
    }
}

/// Who has answered until then. Those that have, or that failed, are asked no more.
fn answers(open: &mut VecDeque<TcpStream>, rest: Duration) -> Result<Vec<IpAddr>> {
    let mut waiting: Vec<_> = open
        .iter()
        .map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN))
        .collect();
    match ppoll(&mut waiting, Some(TimeSpec::from_duration(rest)), None) {
        Ok(_) | Err(nix::Error::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ready: Vec<bool> = waiting.iter().map(|it| it.any() == Some(true)).collect();
    let (mut ready, mut who) = (ready.into_iter(), Vec::new());
    open.retain_mut(|stream| {
        let is_ready = ready.next() == Some(true);
        if is_ready {
            who.extend(said(stream));
        }
        !is_ready
    });
    Ok(who)
}

/// The address that a server tells, in one piece.
fn said(stream: &mut TcpStream) -> Option<IpAddr> {
    let mut text = [0; 64];
    let length = stream.read(&mut text).ok()?;
    str::from_utf8(&text[..length]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn the_wanted_endpoint_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        thread::spawn(move || {
            for who in ["10.0.0.1", "10.0.0.1", "10.0.0.2"] {
                listener
                    .accept()
                    .unwrap()
                    .0
                    .write_all(who.as_bytes())
                    .unwrap();
            }
        });
        let pause = Duration::from_millis(20);
        let answer = answer(at, "10.0.0.2".parse().ok(), pause).unwrap();
        assert!(answer.questions >= 3, "{answer:?}");
    }
}
