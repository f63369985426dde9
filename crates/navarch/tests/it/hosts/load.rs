//! Requests to one address at a steady rate, from within a network namespace.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior};

/// How many ask side by side.
const CLIENTS: u32 = 32;
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest answer.
const LONGEST: usize = 4096;

/// Whether a connection is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connections {
    Kept,
    New,
}

/// Load that goes on until it is stopped.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    client: JoinHandle<Outcome>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) answered: usize,
    /// Which errors there were.
    pub(super) failed: Vec<String>,
    /// By whom, in the words of the answer.
    pub(super) by: std::collections::BTreeSet<String>,
    pub(super) took: Duration,
}

impl Load {
    /// `rate`: requests in a second, none of which is sent a second time.
    pub(super) fn start(
        netns: PathBuf,
        address: SocketAddr,
        connections: Connections,
        rate: u32,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let client = std::thread::spawn(move || {
            setns(File::open(netns).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            runtime.block_on(all(address, connections, rate, stopped))
        });
        Self { stop, client }
    }

    pub(super) fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        self.client.join().unwrap()
    }
}

async fn all(
    address: SocketAddr,
    connections: Connections,
    rate: u32,
    stop: Arc<AtomicBool>,
) -> Outcome {
    let start = Instant::now();
    let pause = Duration::from_secs(1) * CLIENTS / rate;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let first = start + pause * number / CLIENTS;
        let client = Client {
            address,
            connections,
            stream: None,
            outcome: Outcome::default(),
        };
        clients.spawn(client.run(first, pause, stop.clone()));
    }
    let mut sum = Outcome::default();
    while let Some(outcome) = clients.join_next().await {
        let outcome = outcome.unwrap();
        sum.answered += outcome.answered;
        sum.failed.extend(outcome.failed);
        sum.by.extend(outcome.by);
    }
    sum.took = start.elapsed();
    sum
}

/// One that asks, one request after the other.
struct Client {
    address: SocketAddr,
    connections: Connections,
    stream: Option<TcpStream>,
    outcome: Outcome,
}

impl Client {
    async fn run(mut self, first: Instant, pause: Duration, stop: Arc<AtomicBool>) -> Outcome {
        let start = Instant::now();
        let mut turns = tokio::time::interval_at(first, pause);
        // What a slow moment has kept back is caught up.
        turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !stop.load(Ordering::Relaxed) {
            turns.tick().await;
            let answer = tokio::time::timeout(ANSWER, self.ask()).await;
            match answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(by) => {
                    self.outcome.answered += 1;
                    self.outcome.by.insert(by);
                }
                Err(error) => {
                    self.stream = None;
                    let what = format!("after {:?}: {error}", start.elapsed());
                    self.outcome.failed.push(what);
                }
            }
        }
        self.outcome
    }

    async fn ask(&mut self) -> io::Result<String> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.address).await?,
        };
        let connection = match self.connections {
            Connections::Kept => "keep-alive",
            Connections::New => "close",
        };
        let request = format!("GET / HTTP/1.1\r\nHost: web\r\nConnection: {connection}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let (head, body) = answer(&mut stream).await?;
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(io::Error::other(head));
        }
        if !head.to_ascii_lowercase().contains("connection: close") {
            self.stream = Some(stream);
        }
        Ok(body)
    }
}

/// Head and body.
async fn answer(stream: &mut TcpStream) -> io::Result<(String, String)> {
    let mut text = String::new();
    let mut part = [0; LONGEST];
    while text.len() < LONGEST {
        let count = stream.read(&mut part).await?;
        if count == 0 {
            let what = format!("the connection ended after {text:?}");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        text += &String::from_utf8_lossy(&part[..count]);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            let length = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|it| it.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return Ok((head.to_owned(), body.to_owned()));
            }
        }
    }
    Err(io::Error::other("the answer is too long"))
}
