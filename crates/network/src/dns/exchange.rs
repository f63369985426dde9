//! One question to one server, and its answer.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::reply;
use crate::namespace;

/// How long one server has. The asker's own patience is usually five seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// One question to one resolver: by UDP, and by TCP where that is not enough.
pub(crate) async fn exchange(
    netns: Option<&Path>,
    server: SocketAddr,
    query: &Message,
) -> io::Result<Message> {
    let mut asked = query.clone();
    // A number that nobody else can know, from a port that nobody else can know.
    asked.metadata.id = Message::query().metadata.id;
    let bytes = asked.to_vec().map_err(io::Error::other)?;
    let mut answer = match by_udp(netns, server, &bytes, &asked).await? {
        truncated if truncated.metadata.truncation => by_tcp(netns, server, &bytes, &asked).await?,
        answer => answer,
    };
    answer.metadata.id = query.metadata.id;
    answer.queries.clone_from(&query.queries);
    Ok(answer)
}

async fn by_udp(
    netns: Option<&Path>,
    server: SocketAddr,
    bytes: &[u8],
    asked: &Message,
) -> io::Result<Message> {
    let socket = namespace::open_socket(netns, || {
        let socket = std::net::UdpSocket::bind(any(server))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    })?;
    let socket = UdpSocket::from_std(socket)?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; reply::MAX_MESSAGE];
    let wait = async {
        loop {
            let length = socket.recv(&mut buffer).await?;
            // What is no answer to this may be somebody's guess.
            if let Ok(answer) = answer_to(asked, &buffer[..length]) {
                return Ok(answer);
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn by_tcp(
    netns: Option<&Path>,
    server: SocketAddr,
    bytes: &[u8],
    asked: &Message,
) -> io::Result<Message> {
    let socket = namespace::open_socket(netns, || match server {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    })?;
    let exchange = async {
        let mut stream = socket.connect(server).await?;
        write_message(&mut stream, bytes).await?;
        let answer = read_message(&mut stream).await?;
        answer_to(asked, &answer)
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn any(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn answer_to(asked: &Message, bytes: &[u8]) -> io::Result<Message> {
    let answer = Message::from_vec(bytes).map_err(io::Error::other)?;
    let is_answer = answer.metadata.id == asked.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == asked.queries;
    match is_answer {
        true => Ok(answer),
        false => Err(io::Error::other("an answer to another question")),
    }
}

/// One message from a connection.
pub(super) async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// One message to a connection, in one piece.
pub(super) async fn write_message(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(bytes);
    stream.write_all(&message).await
}
