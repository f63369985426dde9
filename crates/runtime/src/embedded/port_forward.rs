//! Connections into a sandbox.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use super::Embedded;
use crate::cri::{Duplex, Error, Result, SandboxState};

/// How long the connection may take. On a loopback it is made or refused at once.
const CONNECT: Duration = Duration::from_secs(10);

impl Embedded {
    pub(super) async fn connect_port(
        &self,
        sandbox_id: &str,
        port: u16,
    ) -> Result<Box<dyn Duplex>> {
        let sandbox = self.find_sandbox(sandbox_id)?.record.lock().clone();
        if sandbox.state != SandboxState::Ready {
            return Err(Error::State(format!("sandbox {sandbox_id} is not ready")));
        }
        let stream = self
            .blocking(move |_| in_namespace(sandbox.netns, port))
            .await?;
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| tokio::net::TcpStream::from_std(stream));
        Ok(Box::new(
            stream.map_err(|error| Error::host("forward a port", error))?,
        ))
    }
}

/// Connects in a thread of its own, which enters the namespace and ends: the runtime's threads stay where they are.
fn in_namespace(netns: Option<PathBuf>, port: u16) -> Result<TcpStream> {
    let refused = move |error: io::Error| {
        Error::State(format!(
            "failed to connect to localhost:{port} inside namespace: {error}"
        ))
    };
    let Some(netns) = netns else {
        return connect(port).map_err(refused);
    };
    let thread = std::thread::Builder::new()
        .name("port-forward".to_owned())
        .spawn(move || enter(&netns).and_then(|()| connect(port)));
    let joined = thread
        .map_err(|error| Error::host("start a thread", error))?
        .join();
    joined
        .unwrap_or_else(|_| Err(io::Error::other("the connecting thread failed")))
        .map_err(refused)
}

fn enter(netns: &Path) -> io::Result<()> {
    setns(File::open(netns)?, CloneFlags::CLONE_NEWNET)?;
    Ok(())
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let first = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), CONNECT);
    first.or_else(|error| {
        TcpStream::connect_timeout(&SocketAddr::from((Ipv6Addr::LOCALHOST, port)), CONNECT)
            .map_err(|_| error)
    })
}
