//! What is answered to a question: out of the cluster, or by others.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};
use ipnet::IpNet;
use navarch_client::ObjectKey;
use tokio::sync::Semaphore;

use super::reply;
use super::upstream::{Cluster, Upstream};
use super::zone::{Outcome, TTL, Zone};
use crate::service_proxy::{ServiceView, cluster_ips};

/// How many names may lead on to another.
const ALIASES: usize = 8;

/// What a question is answered by.
pub(super) struct Resolver {
    pub(super) clients: Vec<IpNet>,
    pub(super) domain: Name,
    /// Where it listens.
    pub(super) address: SocketAddr,
    pub(super) view: ServiceView,
    pub(super) upstream: Upstream,
    /// One for each question that others are asked.
    pub(super) places: Arc<Semaphore>,
}

/// What can be said to a question at once.
pub(super) struct Begun {
    pub(super) reply: Message,
    /// What others have to be asked before the reply is complete.
    pub(super) asked: Option<Message>,
}

impl From<Message> for Begun {
    fn from(reply: Message) -> Self {
        Self { reply, asked: None }
    }
}

impl Resolver {
    /// Whether whoever asks from there is answered.
    pub(super) fn is_for(&self, client: IpAddr) -> bool {
        self.clients.is_empty() || self.clients.iter().any(|range| range.contains(&client))
    }

    /// The answer for a connection.
    pub(super) async fn answer(&self, query: &Message) -> Option<Vec<u8>> {
        let Begun { reply, asked } = self.begin(query)?;
        let reply = match asked {
            None => reply,
            Some(asked) => match self.places.try_acquire() {
                Err(_) => reply::to(query, ResponseCode::ServFail),
                Ok(_place) => self.ask_others(reply, &asked).await,
            },
        };
        reply::encode(reply, reply::MAX_MESSAGE)
    }

    pub(super) fn begin(&self, query: &Message) -> Option<Begun> {
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
        let asked = reply::asked_for(query, Query::query(name, kind));
        match self.upstream.known(&asked) {
            Some(known) => complete(reply, known).into(),
            None => Begun {
                reply,
                asked: Some(asked),
            },
        }
    }

    /// `None`: what the cluster has is not known yet.
    fn look_up(&self, name: &Name, kind: RecordType) -> Option<Outcome> {
        if self.upstream.takes_from(&self.domain, name) {
            return Some(Outcome::NotOurs);
        }
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

    pub(super) async fn ask_others(&self, reply: Message, asked: &Message) -> Message {
        complete(reply, self.upstream.ask(asked, self).await)
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

impl Cluster for Resolver {
    fn is_own(&self, resolver: SocketAddr) -> bool {
        let (ip, dns) = (resolver.ip().to_canonical(), ("kube-system", "kube-dns"));
        let dns = self.view.services.get(&ObjectKey::new(dns.0, dns.1));
        (ip, resolver.port()) == (self.address.ip(), self.address.port())
            || dns.is_some_and(|dns| cluster_ips(&dns).contains(&ip))
    }

    fn addresses(&self, name: &Name) -> Option<Vec<IpAddr>> {
        if !self.domain.zone_of(name) {
            return None;
        }
        let outcomes = [RecordType::A, RecordType::AAAA].map(|kind| self.look_up(name, kind));
        let records = outcomes
            .into_iter()
            .flatten()
            .flat_map(|found| match found {
                Outcome::Records { answers, .. } => answers,
                _ => Vec::new(),
            });
        let address = |record: Record| record.data.ip_addr();
        Some(records.filter_map(address).collect())
    }
}

/// The reply with what others have answered. What they agreed with this node (EDNS) is not the asker's.
fn complete(mut reply: Message, mut answer: Message) -> Message {
    if !reply.answers.is_empty() {
        for record in &mut answer.answers {
            record.ttl = record.ttl.min(TTL);
        }
    }
    reply.answers.append(&mut answer.answers);
    reply.authorities = answer.authorities;
    reply.additionals = answer.additionals;
    reply.metadata.response_code = answer.metadata.response_code;
    reply.metadata.authentic_data = answer.metadata.authentic_data;
    reply
}
