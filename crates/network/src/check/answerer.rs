//! The program of an answerer: by TCP it says who it is, by UDP it sends back what it gets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;

use super::{CLOSED, OPEN};

/// How many are answered at a time.
const CONNECTIONS: usize = 256;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a socket has failed.
const RETRY: Duration = Duration::from_millis(100);

/// Answers to everybody that this is `name`, on both ports, for ever.
///
/// # Errors
/// One of the ports is taken.
pub async fn answer(name: &str) -> io::Result<()> {
    let name: Arc<str> = format!("{name}\n").into();
    let (open, closed) = (listen(OPEN).await?, listen(CLOSED).await?);
    let echoed = match UdpSocket::bind((Ipv6Addr::UNSPECIFIED, OPEN)).await {
        Ok(socket) => socket,
        Err(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, OPEN)).await?,
    };
    whole(&echoed)?;
    tokio::join!(
        accept(open, name.clone()),
        accept(closed, name),
        echo(echoed)
    );
    Ok(())
}

/// Both families, but for hosts that have no IPv6 at all.
async fn listen(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
    }
}

/// Has the socket send no packet in parts.
pub(super) fn whole(socket: &impl AsFd) -> io::Result<()> {
    use rustix::net::sockopt::{set_ip_mtu_discover, set_ipv6_mtu_discover};
    let of_v6 = set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DO);
    // A socket of IPv6 sends by IPv4 too; one of IPv4 knows no option of IPv6.
    let of_v4 = set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DO);
    Ok(of_v4.or(of_v6)?)
}

async fn accept(listener: TcpListener, name: Arc<str>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Fails when it is closed, which nobody does.
    while let Ok(place) = places.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let name = name.clone();
        tokio::spawn(async move {
            // Whoever is gone before the answer is no matter.
            let _ = tokio::time::timeout(PATIENCE, say(stream, &name)).await;
            drop(place);
        });
    }
}

async fn say(mut stream: TcpStream, name: &str) -> io::Result<()> {
    stream.write_all(name.as_bytes()).await?;
    stream.shutdown().await
}

async fn echo(socket: UdpSocket) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        match socket.recv_from(&mut buffer).await {
            // Another answerer, which somebody has this one answer: they would never end.
            Ok((_, from)) if from.port() == OPEN => {}
            // Too large for the way back: the asker hears nothing, and that is what it is to find out.
            Ok((length, from)) => drop(socket.send_to(&buffer[..length], from).await),
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}
