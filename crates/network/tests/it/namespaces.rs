//! Network namespaces that live as long as a test, and what a test does inside them.

use std::{
    fs::File,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
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

    /// Whether somebody takes a connection at `to`, soon.
    pub fn connects(&self, to: (IpAddr, u16)) -> bool {
        let patience = Duration::from_millis(500);
        self.run(move || TcpStream::connect_timeout(&SocketAddr::from(to), patience).is_ok())
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

    /// A server that answers every client, for as long as the test runs, with its name and the client's address.
    pub fn answer(&self, port: u16, name: &'static str) {
        let listener = self.run(move || TcpListener::bind(("0.0.0.0", port)).unwrap());
        answer(listener, name);
    }

    /// The same, to clients of both families.
    pub fn answer_all(&self, port: u16, name: &'static str) {
        let listener = self.run(move || TcpListener::bind(("::", port)).unwrap());
        answer(listener, name);
    }

    /// The same over UDP.
    pub fn answer_udp(&self, port: u16, name: &'static str) {
        let socket = self.run(move || UdpSocket::bind(("::", port)).unwrap());
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(name.as_bytes(), peer);
            }
        });
    }

    /// Who answers at `to`, which must be soon.
    pub fn who(&self, to: (IpAddr, u16)) -> std::io::Result<String> {
        let answer = self.exchange(to, b"")?;
        Ok(answer.split(' ').next().unwrap_or_default().to_owned())
    }

    /// Which address they see this namespace under.
    pub fn seen_as(&self, to: (IpAddr, u16)) -> std::io::Result<IpAddr> {
        let answer = self.exchange(to, b"")?;
        let address = answer.split(' ').nth(1).unwrap_or_default();
        address.parse().map_err(std::io::Error::other)
    }

    /// Who answers over UDP, to a packet from this port.
    pub fn who_udp(&self, from: u16, to: (IpAddr, u16)) -> std::io::Result<String> {
        self.who_udp_as(([0; 4].into(), from), to)
    }

    /// The same, from this address.
    pub fn who_udp_as(&self, from: (IpAddr, u16), to: (IpAddr, u16)) -> std::io::Result<String> {
        self.run(move || {
            let socket = UdpSocket::bind(SocketAddr::from(from))?;
            socket.set_read_timeout(Some(Duration::from_millis(500)))?;
            socket.connect(SocketAddr::from(to))?;
            socket.send(b"who")?;
            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer)?;
            Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
        })
    }

    /// What an HTTP server answers, head and body.
    pub fn http(&self, to: (IpAddr, u16)) -> std::io::Result<String> {
        self.exchange(
            to,
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
    }

    fn exchange(&self, to: (IpAddr, u16), question: &'static [u8]) -> std::io::Result<String> {
        self.run(move || {
            let timeout = Duration::from_millis(1500);
            let mut stream = TcpStream::connect_timeout(&SocketAddr::from(to), timeout)?;
            stream.set_read_timeout(Some(timeout))?;
            stream.write_all(question)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        })
    }
}

fn answer(listener: TcpListener, name: &'static str) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let peer = stream.peer_addr().unwrap().ip().to_canonical();
            // A client that only looks whether there is somebody is gone by now.
            let _ = stream.write_all(format!("{name} {peer}").as_bytes());
        }
    });
}
