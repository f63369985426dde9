//! Network namespaces that live as long as a test, and what a test does inside them.

use std::{
    fs::File,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, AsRawFd},
    path::PathBuf,
    process::Command,
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace without a name: it goes when nothing uses it any more, however the test ends.
pub struct Namespace {
    file: File,
}

impl Namespace {
    pub fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests make network namespaces and must run as root; nothing was tested"
        );
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        };
        Self {
            file: thread::spawn(make).join().unwrap(),
        }
    }

    /// A path by which any thread of this process reaches it.
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into()
    }

    /// Starts work on a thread inside.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let file = self.file.try_clone().unwrap();
        thread::spawn(move || {
            setns(file.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
            work()
        })
    }

    /// Does work inside and waits for it.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.spawn(work).join().unwrap()
    }

    /// Runs a command line inside; returns what it printed, and fails the test if it fails.
    pub fn sh(&self, line: &str) -> String {
        let line = line.to_owned();
        self.run(move || {
            let output = Command::new("sh").args(["-c", &line]).output().unwrap();
            assert!(
                output.status.success(),
                "{line}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8(output.stdout).unwrap()
        })
    }

    /// A server that tells each of `count` clients the address it sees.
    pub fn serve(&self, port: u16, count: usize) -> JoinHandle<Vec<IpAddr>> {
        let listener = self.run(move || TcpListener::bind(("0.0.0.0", port)).unwrap());
        thread::spawn(move || {
            let answer = |_| {
                let (mut stream, peer) = listener.accept().unwrap();
                stream.write_all(peer.ip().to_string().as_bytes()).unwrap();
                peer.ip()
            };
            (0..count).map(answer).collect()
        })
    }

    /// The address the server at `to` sees this namespace under.
    pub fn ask(&self, to: (IpAddr, u16)) -> std::io::Result<IpAddr> {
        self.run(move || {
            let mut stream =
                TcpStream::connect_timeout(&SocketAddr::from(to), Duration::from_secs(3))?;
            stream.set_read_timeout(Some(Duration::from_secs(3)))?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            answer.parse().map_err(std::io::Error::other)
        })
    }
}
