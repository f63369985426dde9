//! The connection to a backend.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use navarch_machinery::status::{Result, StatusError};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Nodes;
use super::location::Location;
use super::tls::any_certificate;

/// How long a backend may take to accept a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(30);

/// A connection, whatever is below it.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Connects to a backend.
pub(super) async fn connect(location: &Location, nodes: Option<&Nodes>) -> Result<Box<dyn Wire>> {
    let (address, tls) = match location {
        Location::Port { address, port, tls } => (SocketAddr::new(*address, *port), *tls),
        Location::Node(node, _) => {
            let nodes = nodes
                .ok_or_else(|| StatusError::unavailable("this server has no way to the nodes"))?;
            return nodes.connect(node).await;
        }
    };
    let connecting = async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| failure(&address, &error))?;
        let _ = stream.set_nodelay(true);
        if !tls {
            return Ok(Box::new(stream) as Box<dyn Wire>);
        }
        let stream = TlsConnector::from(any_certificate())
            .connect(ServerName::from(address.ip()), stream)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Box::new(stream) as Box<dyn Wire>)
    };
    let connected = tokio::time::timeout(CONNECT, connecting).await;
    connected
        .unwrap_or_else(|_| Err(format!("dial tcp {address}: i/o timeout")))
        .map_err(unreachable)
}

/// What a client is told of a backend that cannot be reached.
pub(super) fn unreachable(why: impl Display) -> StatusError {
    StatusError::unavailable(format!("error trying to reach service: {why}"))
}

/// Why an address could not be dialed, in Go's words.
pub(crate) fn failure(address: &impl Display, error: &io::Error) -> String {
    let why = match error.kind() {
        ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connect: connection reset by peer".to_owned(),
        ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        ErrorKind::TimedOut => "connect: connection timed out".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {address}: {why}")
}
