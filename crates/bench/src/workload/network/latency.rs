//! How long an octet takes there and back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::path::{Path, Paths};
use super::{namespace, spread};
use crate::options::Common;

/// How often an octet is sent in a round, and how often a connection is made.
const EXCHANGES: usize = 10_000;
const CONNECTS: usize = 1_000;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a connection was refused.
const RETRY: Duration = Duration::from_millis(5);

/// What an octet asks for: that more may follow, that the server closes behind it, or that it stops.
const ON: u8 = 1;
const CLOSE: u8 = 2;
const STOP: u8 = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    paths: Paths,
}

/// Medians of one round, in microseconds.
struct Times {
    exchange: f64,
    connect: f64,
}

pub(super) fn run(args: &Args, common: &Common) -> Result<()> {
    let exchanges = common.count.unwrap_or(EXCHANGES);
    let all = args.paths.measure(|path| times(path, exchanges))?;
    let print = |what: &str, of: fn(&Times) -> f64| {
        let values: Vec<Vec<f64>> = all
            .iter()
            .map(|rounds| rounds.iter().map(of).collect())
            .collect();
        for (path, values) in args.paths.paths.iter().zip(&values) {
            spread::print(&format!("{}_{what}", path.name), values, "us");
        }
        for (path, own) in args.paths.paths.iter().zip(&values).skip(1) {
            let more = spread::beside(own, &values[0], |value, first| value - first);
            spread::print(&format!("{}_{what}_more", path.name), &more, "us");
        }
    };
    print("exchange", |times| times.exchange);
    print("connect", |times| times.connect);
    Ok(())
}

fn times(path: &Path, exchanges: usize) -> Result<Times> {
    let listen = path.listen();
    let server = namespace::spawn(&path.to, move || serve(&TcpListener::bind(listen)?));
    let (server, at) = (server?, path.at);
    let times = namespace::within(&path.from, move || {
        let mut stream = first(at)?;
        let exchange = median(exchanges, || exchanged(&mut stream, ON))?;
        drop(stream);
        let connect = median(CONNECTS.min(exchanges), || connected(at))?;
        exchanged(&mut open(at)?, STOP)?;
        Ok(Times { exchange, connect })
    })?;
    namespace::joined(server)?;
    Ok(times)
}

/// Answers each octet with itself, one connection after the other.
fn serve(listener: &TcpListener) -> Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut octet = [0];
        while stream.read_exact(&mut octet).is_ok() {
            stream.write_all(&octet)?;
            match octet {
                [CLOSE] => break,
                [STOP] => return Ok(()),
                _ => {}
            }
        }
    }
}

fn open(at: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&at, PATIENCE).with_context(|| at.to_string())?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The first connection waits for the server.
fn first(at: SocketAddr) -> Result<TcpStream> {
    let begin = Instant::now();
    loop {
        match open(at) {
            Err(_) if begin.elapsed() < PATIENCE => std::thread::park_timeout(RETRY),
            done => return done,
        }
    }
}

fn exchanged(stream: &mut TcpStream, octet: u8) -> Result<Duration> {
    let (mut octet, begin) = ([octet], Instant::now());
    stream.write_all(&octet)?;
    stream.read_exact(&mut octet)?;
    Ok(begin.elapsed())
}

/// From nothing to the first octet that is answered. The server closes first, so that the client's port is free again.
fn connected(at: SocketAddr) -> Result<Duration> {
    let begin = Instant::now();
    let mut stream = open(at)?;
    exchanged(&mut stream, CLOSE)?;
    let took = begin.elapsed();
    stream.read_to_end(&mut Vec::new())?;
    Ok(took)
}

/// In microseconds.
fn median(count: usize, mut once: impl FnMut() -> Result<Duration>) -> Result<f64> {
    let mut times = (0..count).map(|_| once()).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    let middle = times.get(count / 2).context("nothing was measured")?;
    Ok(middle.as_secs_f64() * 1e6)
}
