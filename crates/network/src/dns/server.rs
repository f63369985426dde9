//! Listens for questions and answers them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::exchange::{read_message, write_message};
use super::resolver::{Begun, Resolver};
use super::settings::PORT;
use super::upstream::Upstream;
use super::{DnsSettings, reply};
use crate::namespace;
use crate::service_proxy::ServiceView;
use crate::task::Task;

/// How many questions others are asked at a time. Those beyond fail; what is known here is answered all the same.
const QUESTIONS: usize = 1024;
/// How many connections there are at a time; those beyond wait.
const CONNECTIONS: usize = 256;
/// How many of them one address may have; those beyond are closed.
const CONNECTIONS_OF_ONE: usize = 32;
/// How long a connection may stay silent.
const SILENCE: Duration = Duration::from_secs(10);
/// After a socket has failed.
const RETRY: Duration = Duration::from_millis(100);
/// How often a port is looked for that is free for both protocols.
const PORT_TRIES: usize = 16;

/// A node's cluster DNS.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// The address that it listens on: the pods' gateway.
    pub address: IpAddr,
    /// Whose questions are answered; those of everybody where it is empty, as at an address that only pods reach.
    pub clients: Vec<IpNet>,
    /// The host's `resolv.conf`.
    pub resolv_conf: PathBuf,
    /// The network namespace it is in; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

/// Running cluster DNS. It ends when it is dropped.
pub struct DnsServer {
    address: SocketAddr,
    _tasks: [Task; 2],
}

impl DnsServer {
    /// Begins to answer. Questions of the cluster's domain have no answer before the API has said what there is.
    pub fn start(config: DnsConfig, settings: &DnsSettings, view: ServiceView) -> io::Result<Self> {
        let (tcp, udp) =
            namespace::open_socket(config.netns.as_deref(), || listen(config.address))?;
        let (tcp, udp) = (TcpListener::from_std(tcp)?, UdpSocket::from_std(udp)?);
        let address = udp.local_addr()?;
        let resolver = Arc::new(Resolver {
            clients: config.clients,
            domain: settings.domain.clone(),
            address,
            view,
            upstream: Upstream {
                resolv_conf: config.resolv_conf,
                netns: config.netns,
                chosen: settings.chosen.clone(),
                until: settings.until,
            },
            places: Arc::new(Semaphore::new(QUESTIONS)),
        });
        let tasks = [
            Task::spawn(serve_udp(Arc::new(udp), resolver.clone())),
            Task::spawn(serve_tcp(tcp, resolver)),
        ];
        Ok(Self {
            address,
            _tasks: tasks,
        })
    }

    /// Where it listens, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

type Sockets = (std::net::TcpListener, std::net::UdpSocket);

fn listen(address: IpAddr) -> io::Result<Sockets> {
    let both = |port: u16| -> io::Result<Sockets> {
        let tcp = std::net::TcpListener::bind((address, port))?;
        let udp = std::net::UdpSocket::bind((address, tcp.local_addr()?.port()))?;
        tcp.set_nonblocking(true)?;
        udp.set_nonblocking(true)?;
        Ok((tcp, udp))
    };
    // If nobody else has the port of DNS: the service `kube-dns` leads to whichever it is.
    let mut listening = both(PORT);
    for _ in 0..PORT_TRIES {
        match listening {
            // Another program listens on all addresses, or this one may not have low ports.
            Err(_) => listening = both(0),
            Ok(_) => break,
        }
    }
    listening
}

async fn serve_udp(socket: Arc<UdpSocket>, resolver: Arc<Resolver>) {
    let mut buffer = vec![0; reply::MAX_MESSAGE];
    let mut questions = JoinSet::new();
    loop {
        while questions.try_join_next().is_some() {}
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        if !resolver.is_for(from.ip()) {
            continue;
        }
        let Ok(query) = Message::from_vec(&buffer[..length]) else {
            continue;
        };
        let Some(Begun { reply, asked }) = resolver.begin(&query) else {
            continue;
        };
        let longest = reply::payload(&query);
        let reply = match asked {
            None => reply,
            Some(asked) => match resolver.places.clone().try_acquire_owned() {
                Err(_) => reply::to(&query, ResponseCode::ServFail),
                Ok(place) => {
                    let (resolver, socket) = (resolver.clone(), socket.clone());
                    questions.spawn(async move {
                        let reply = resolver.ask_others(reply, &asked).await;
                        send(&socket, reply, longest, from).await;
                        drop(place);
                    });
                    continue;
                }
            },
        };
        send(&socket, reply, longest, from).await;
    }
}

async fn send(socket: &UdpSocket, reply: Message, longest: usize, to: SocketAddr) {
    if let Some(answer) = reply::encode(reply, longest) {
        // Whoever is gone does not wait for it.
        let _ = socket.send_to(&answer, to).await;
    }
}

async fn serve_tcp(listener: TcpListener, resolver: Arc<Resolver>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut sources = HashMap::new();
    let mut connections = JoinSet::new();
    while let Ok(place) = places.clone().acquire_owned().await {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Err(_) => tokio::time::sleep(RETRY).await,
            Ok((_, from)) if !resolver.is_for(from.ip()) => {}
            Ok((stream, from)) => {
                sources.retain(|_, own: &mut Arc<Semaphore>| {
                    own.available_permits() < CONNECTIONS_OF_ONE
                });
                let own = sources
                    .entry(from.ip())
                    .or_insert_with(|| Arc::new(Semaphore::new(CONNECTIONS_OF_ONE)));
                let Ok(own_place) = own.clone().try_acquire_owned() else {
                    continue;
                };
                let resolver = resolver.clone();
                connections.spawn(async move {
                    let _ = converse(stream, &resolver).await;
                    drop((place, own_place));
                });
            }
        }
    }
}

async fn converse(mut stream: TcpStream, resolver: &Resolver) -> io::Result<()> {
    loop {
        let asked = tokio::time::timeout(SILENCE, read_message(&mut stream)).await??;
        let query = Message::from_vec(&asked).map_err(io::Error::other)?;
        let Some(answer) = resolver.answer(&query).await else {
            return Ok(());
        };
        tokio::time::timeout(SILENCE, write_message(&mut stream, &answer)).await??;
    }
}
