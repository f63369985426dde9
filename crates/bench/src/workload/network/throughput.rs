//! What one TCP connection carries: the sender with what its host does on one processor, the receiver on another.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::socket::{
    self, AddressFamily, SockFlag, SockType, SockaddrStorage, setsockopt, socket, sockopt,
};
use nix::unistd::Pid;

use super::path::{Path, Paths};
use super::{namespace, spread};
use crate::options::Common;

/// What is written and read at a time.
const PIECE: usize = 128 << 10;

/// Linux' own. Where the host has another, as BBR, it may send by the clock, and then the path is not what is measured.
const CONGESTION_CONTROL: &str = "cubic";

/// The processors of the two ends.
const SENDER: usize = 0;
const RECEIVER: usize = 1;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    paths: Paths,
}

pub(super) fn run(args: &Args, common: &Common) -> Result<()> {
    let all = args
        .paths
        .measure(|path| carried(path, common.duration()))?;
    for (path, values) in args.paths.paths.iter().zip(&all) {
        spread::print(&format!("{}_throughput", path.name), values, "Gbit/s");
    }
    for (path, values) in args.paths.paths.iter().zip(&all).skip(1) {
        let share = spread::beside(values, &all[0], |value, first| value / first * 100.0);
        spread::print(&format!("{}_share", path.name), &share, "%");
    }
    Ok(())
}

/// Gbit/s, as they are received.
fn carried(path: &Path, time: Duration) -> Result<f64> {
    let listen = path.listen();
    let listener = namespace::within(&path.to, move || Ok(TcpListener::bind(listen)?))?;
    let at = path.at;
    let sender = namespace::spawn(&path.from, move || {
        let mut stream = connect(at).with_context(|| at.to_string())?;
        stay_at(SENDER);
        let (piece, begin) = (vec![7; PIECE], Instant::now());
        while begin.elapsed() < time {
            stream.write_all(&piece)?;
        }
        Ok(())
    })?;
    let (mut stream, _) = listener.accept()?;
    stay_at(RECEIVER);
    let (mut piece, mut octets, begin) = (vec![0; PIECE], 0, Instant::now());
    loop {
        match stream.read(&mut piece)? {
            0 => break,
            length => octets += length,
        }
    }
    let took = begin.elapsed();
    namespace::joined(sender)?;
    Ok(crate::figures::rate(octets, took) * 8.0 / 1e9)
}

/// A connection that has never had another congestion control: of one that sends by the clock, the clock would stay.
fn connect(at: SocketAddr) -> Result<TcpStream> {
    let family = match at {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::TcpCongestion, &CONGESTION_CONTROL.into())
        .context(CONGESTION_CONTROL)?;
    socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(at))?;
    Ok(socket.into())
}

/// Has the calling thread stay at a processor, where there is such a one.
fn stay_at(processor: usize) {
    let mut processors = CpuSet::new();
    if processors.set(processor).is_ok() {
        // On a machine of one processor it stays where it is.
        let _ = sched_setaffinity(Pid::from_raw(0), &processors);
    }
}
