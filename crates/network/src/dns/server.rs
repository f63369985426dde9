//! Listens for questions and answers them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use ipnet::IpNet;
use navarch_client::ObjectKey;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cache::Cache;
use super::exchange::{read_message, write_message};
use super::reply;
use super::upstream::Upstream;
use super::zone::{Outcome, TTL, Zone};
use crate::namespace;
use crate::service_proxy::{ServiceView, cluster_ips};
use crate::task::Task;

/// The port of DNS, if nobody else has it: the service `kube-dns` leads to whichever it is.
const PORT: u16 = 53;
/// How many questions others are asked at a time. Those beyond fail; what is known here is answered all the same.
const QUESTIONS: usize = 1024;
/// How many connections there are at a time; those beyond wait.
const CONNECTIONS: usize = 256;
/// How many of them one address may have; those beyond are closed.
const CONNECTIONS_OF_ONE: usize = 32;
/// How long a connection may stay silent.
const SILENCE: Duration = Duration::from_secs(10);
/// How many names may lead on to another.
const ALIASES: usize = 8;
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
    /// The cluster's domain, as `cluster.local`.
    pub domain: String,
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
    pub fn start(config: DnsConfig, view: ServiceView) -> io::Result<Self> {
        let mut domain = Name::from_ascii(&config.domain).map_err(io::Error::other)?;
        domain.set_fqdn(true);
        let (tcp, udp) =
            namespace::open_socket(config.netns.as_deref(), || listen(config.address))?;
        let (tcp, udp) = (TcpListener::from_std(tcp)?, UdpSocket::from_std(udp)?);
        let address = udp.local_addr()?;
        let resolver = Arc::new(Resolver {
            clients: config.clients,
            domain: domain.to_lowercase(),
            address: config.address,
            view,
            upstream: Upstream {
                resolv_conf: config.resolv_conf,
                netns: config.netns,
                cache: Mutex::new(Cache::new()),
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
                        let reply = resolver.ask_others(&query, reply, &asked).await;
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

struct Resolver {
    clients: Vec<IpNet>,
    domain: Name,
    address: IpAddr,
    view: ServiceView,
    upstream: Upstream,
    /// One for each question that others are asked.
    places: Arc<Semaphore>,
}

/// What can be said to a question at once.
struct Begun {
    reply: Message,
    /// What others have to be asked before the reply is complete.
    asked: Option<Message>,
}

impl From<Message> for Begun {
    fn from(reply: Message) -> Self {
        Self { reply, asked: None }
    }
}

impl Resolver {
    /// Whether whoever asks from there is answered.
    fn is_for(&self, client: IpAddr) -> bool {
        self.clients.is_empty() || self.clients.iter().any(|range| range.contains(&client))
    }

    /// The answer for a connection.
    async fn answer(&self, query: &Message) -> Option<Vec<u8>> {
        let Begun { reply, asked } = self.begin(query)?;
        let reply = match asked {
            None => reply,
            Some(asked) => match self.places.try_acquire() {
                Err(_) => reply::to(query, ResponseCode::ServFail),
                Ok(_place) => self.ask_others(query, reply, &asked).await,
            },
        };
        reply::encode(reply, reply::MAX_MESSAGE)
    }

    fn begin(&self, query: &Message) -> Option<Begun> {
        if query.metadata.message_type != MessageType::Query {
            // An answer to an answer would go on forever.
            return None;
        }
        let begun: Begun = match &query.queries[..] {
            _ if query.metadata.op_code != OpCode::Query => {
                reply::to(query, ResponseCode::NotImp).into()
            }
            _ if query.edns.as_ref().is_some_and(|edns| edns.version() > 0) => {
                reply::to(query, ResponseCode::BADVERS).into()
            }
            [question] if question.query_class == DNSClass::IN => self.resolve(query, question),
            [_] => reply::to(query, ResponseCode::Refused).into(),
            _ => reply::to(query, ResponseCode::FormErr).into(),
        };
        Some(begun)
    }

    /// Follows names that stand for others, until there is an answer or the cluster does not have it.
    fn resolve(&self, query: &Message, question: &Query) -> Begun {
        let mut reply = reply::to(query, ResponseCode::NoError);
        let (mut name, kind) = (question.name.clone(), question.query_type);
        for _ in 0..ALIASES {
            match self.look_up(&name, kind) {
                None => {
                    reply.metadata.response_code = ResponseCode::ServFail;
                    return reply.into();
                }
                Some(Outcome::Alias(alias, target)) => {
                    reply.answers.push(*alias);
                    name = target;
                }
                Some(Outcome::NotOurs) => return self.refer(query, reply, name, kind),
                Some(outcome) => {
                    self.conclude(&mut reply, outcome);
                    return reply.into();
                }
            }
        }
        reply.metadata.response_code = ResponseCode::ServFail;
        reply.into()
    }

    /// What others have said lately is said again; else they have to be asked.
    fn refer(&self, query: &Message, reply: Message, name: Name, kind: RecordType) -> Begun {
        let mut asked = query.clone();
        asked.queries = vec![Query::query(name, kind)];
        match self.upstream.known(&asked) {
            Some(known) => complete(query, reply, known).into(),
            None => Begun {
                reply,
                asked: Some(asked),
            },
        }
    }

    /// `None`: what the cluster has is not known yet.
    fn look_up(&self, name: &Name, kind: RecordType) -> Option<Outcome> {
        let (services, slices) = (self.view.services.snapshot(), self.view.slices.snapshot());
        let is_known = services.revision() > 0 && slices.revision() > 0;
        if !is_known && self.domain.zone_of(&name.to_lowercase()) {
            return None;
        }
        Some(self.zone(&services, &slices).look_up(name, kind))
    }

    fn conclude(&self, reply: &mut Message, outcome: Outcome) {
        reply.metadata.authoritative = true;
        let is_empty = match outcome {
            Outcome::Records {
                mut answers,
                additionals,
            } => {
                let is_empty = answers.is_empty();
                reply::rotate(&mut answers, reply.metadata.id);
                reply.answers.extend(answers);
                reply.additionals = additionals;
                is_empty
            }
            _ => {
                reply.metadata.response_code = ResponseCode::NXDomain;
                true
            }
        };
        if is_empty {
            let (services, slices) = Default::default();
            reply.authorities = vec![self.zone(&services, &slices).start_of_authority()];
        }
    }

    async fn ask_others(&self, query: &Message, reply: Message, asked: &Message) -> Message {
        let dns = self
            .view
            .services
            .get(&ObjectKey::new("kube-system", "kube-dns"));
        let dns = dns.map(|dns| cluster_ips(&dns)).unwrap_or_default();
        let own = |ip: IpAddr| ip == self.address || dns.contains(&ip);
        complete(query, reply, self.upstream.ask(asked, own).await)
    }

    fn zone<'a>(
        &'a self,
        services: &'a navarch_client::Snapshot<k8s_openapi::api::core::v1::Service>,
        slices: &'a navarch_client::Snapshot<k8s_openapi::api::discovery::v1::EndpointSlice>,
    ) -> Zone<'a> {
        Zone {
            domain: &self.domain,
            services,
            slices,
        }
    }
}

/// The reply with what others have answered.
fn complete(query: &Message, mut reply: Message, mut answer: Message) -> Message {
    if reply.answers.is_empty() {
        answer.queries.clone_from(&query.queries);
        return answer;
    }
    for record in &mut answer.answers {
        record.ttl = record.ttl.min(TTL);
    }
    reply.answers.append(&mut answer.answers);
    reply.authorities = answer.authorities;
    reply.metadata.response_code = answer.metadata.response_code;
    reply
}
