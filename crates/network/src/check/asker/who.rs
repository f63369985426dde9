//! Who answers at an address, if anybody does.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the answer may take where there should be one: the kernel sends the first packet of a connection again after 1 s and after 3 s.
const PATIENCE: Duration = Duration::from_secs(4);
/// The same where there should be none, or it is asked again.
const SHORT: Duration = Duration::from_secs(1);
/// The longest name of a node, and the end of the line.
const NAME_BYTES: u64 = 254;

/// What it says.
pub(super) async fn answers(address: SocketAddr) -> io::Result<String> {
    within(PATIENCE, said(address)).await
}

/// The same with less patience.
pub(super) async fn answers_soon(address: SocketAddr) -> io::Result<String> {
    within(SHORT, said(address)).await
}

/// Whether somebody listens there.
pub(super) async fn connects(address: SocketAddr) -> io::Result<()> {
    within(PATIENCE, TcpStream::connect(address))
        .await
        .map(drop)
}

async fn said(address: SocketAddr) -> io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    let mut name = String::new();
    stream.take(NAME_BYTES).read_to_string(&mut name).await?;
    match name.strip_suffix('\n') {
        Some(name) => Ok(name.to_owned()),
        None => Err(io::Error::other("somebody else answers")),
    }
}

async fn within<T>(
    patience: Duration,
    asking: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let no_answer = || io::Error::other(format!("no answer within {} s", patience.as_secs()));
    let answered = timeout(patience, asking).await;
    answered.unwrap_or_else(|_| Err(no_answer()))
}
