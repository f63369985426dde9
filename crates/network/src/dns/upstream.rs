//! Questions that are not of the cluster go to other resolvers: the host's, or those that have been set.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::sync::watch;

use super::exchange::exchange;
use super::followed::Chosen;
use super::settings::{Server, Settings};
use super::{reply, resolv_conf};

/// How often all of them are asked.
const ROUNDS: usize = 2;
/// How long a question is pursued in all.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long the address of a server is looked for.
const NAMING: Duration = Duration::from_secs(2);

/// The way to other resolvers.
pub(super) struct Upstream {
    /// The host's `resolv.conf`, read anew for every question that the cache cannot answer.
    pub(super) resolv_conf: PathBuf,
    pub(super) netns: Option<PathBuf>,
    /// Who is to be asked.
    pub(super) chosen: watch::Receiver<Arc<Chosen>>,
    /// So long questions wait until that is known; from then on the host's resolvers are asked.
    pub(super) until: tokio::time::Instant,
}

/// What a question must know of the cluster.
pub(super) trait Cluster: Sync {
    /// Whether a resolver there would ask us again.
    fn is_own(&self, resolver: SocketAddr) -> bool;
    /// The addresses of a name; `None` if it is not the cluster's.
    fn addresses(&self, name: &Name) -> Option<Vec<IpAddr>>;
}

impl Upstream {
    /// What they have answered lately.
    pub(super) fn known(&self, query: &Message) -> Option<Message> {
        let chosen = self.chosen.borrow().clone();
        chosen.cache.lock().get(query, Instant::now())
    }

    /// Whether others have been set for a name of the cluster's domain.
    pub(super) fn takes_from(&self, domain: &Name, name: &Name) -> bool {
        self.chosen.borrow().settings.takes_from(domain, name)
    }

    /// Their answer, or that there is none.
    pub(super) async fn ask(&self, query: &Message, cluster: &impl Cluster) -> Message {
        let chosen = self.chosen().await;
        let name = query.queries.first().map(Query::name);
        let closest = name.and_then(|name| chosen.settings.closest(name));
        let mut asking = Asking {
            upstream: self,
            chosen: &chosen,
            cluster,
            query,
            failure: None,
        };
        let answer = match closest {
            None => tokio::time::timeout(PATIENCE, asking.general()).await,
            Some((stub, servers)) => match chosen.place(stub) {
                None => Ok(None),
                Some(_place) => tokio::time::timeout(PATIENCE, asking.each(servers)).await,
            },
        };
        let answer = answer.ok().flatten().or(asking.failure);
        answer.unwrap_or_else(|| reply::to(query, ResponseCode::ServFail))
    }

    async fn chosen(&self) -> Arc<Chosen> {
        let mut chosen = self.chosen.clone();
        let known = chosen.wait_for(|chosen| chosen.is_known);
        // Whoever follows the API is gone only with us.
        let _ = tokio::time::timeout_at(self.until, known).await;
        let chosen = self.chosen.borrow();
        chosen.clone()
    }

    /// Those that are asked for what is in no stub domain.
    async fn general(&self, settings: &Settings, cluster: &impl Cluster) -> Vec<Server> {
        let is_own = |server: SocketAddr| cluster.is_own(server);
        if settings.upstream.is_empty() {
            let text = tokio::fs::read_to_string(&self.resolv_conf).await;
            let servers = resolv_conf::servers(&text.unwrap_or_default(), is_own);
            return servers.into_iter().map(Server::At).collect();
        }
        settings.upstream.iter().copied().map(Server::At).collect()
    }
}

/// A question on its way.
struct Asking<'a, C> {
    upstream: &'a Upstream,
    chosen: &'a Chosen,
    cluster: &'a C,
    query: &'a Message,
    /// What a server said that cannot tell.
    failure: Option<Message>,
}

impl<C: Cluster> Asking<'_, C> {
    /// Asks those that are asked for what is in no stub domain.
    async fn general(&mut self) -> Option<Message> {
        let servers = self.upstream.general(&self.chosen.settings, self.cluster);
        let servers = servers.await;
        for _ in 0..ROUNDS {
            for server in self.in_turn(&servers) {
                if let Server::At(address) = server
                    && let Some(answer) = self.one(address).await
                {
                    return Some(answer);
                }
            }
            if self.failure.is_some() {
                break;
            }
        }
        None
    }

    /// Asks servers of a stub domain, those that have names too.
    async fn each(&mut self, servers: &[Server]) -> Option<Message> {
        for _ in 0..ROUNDS {
            for server in self.in_turn(servers) {
                for address in self.addresses(&server).await {
                    if let Some(answer) = self.one(address).await {
                        return Some(answer);
                    }
                }
            }
            if self.failure.is_some() {
                break;
            }
        }
        None
    }

    /// Whoever was silent lately is asked last.
    fn in_turn(&self, servers: &[Server]) -> Vec<Server> {
        self.chosen.silent.lock().last(servers, Instant::now())
    }

    /// Asks one. An answer which says that its server cannot tell is only the answer if no other server can.
    async fn one(&mut self, server: SocketAddr) -> Option<Message> {
        if self.cluster.is_own(server) {
            tracing::debug!(%server, "this resolver would ask us again");
            return None;
        }
        match exchange(self.upstream.netns.as_deref(), server, self.query).await {
            Ok(answer) if cannot_tell(&answer) => {
                self.failure = Some(answer);
                None
            }
            Ok(answer) => {
                let mut cache = self.chosen.cache.lock();
                cache.put(self.query, &answer, Instant::now());
                Some(answer)
            }
            Err(error) => {
                tracing::debug!(%server, %error, "a resolver does not answer");
                self.silent(Server::At(server));
                None
            }
        }
    }

    fn silent(&self, server: Server) {
        self.chosen.silent.lock().note(server, Instant::now());
    }

    async fn addresses(&self, server: &Server) -> Vec<SocketAddr> {
        let (name, port) = match server {
            Server::At(address) => return vec![*address],
            Server::Named(name, port) => (name, *port),
        };
        let ips = match self.cluster.addresses(name) {
            Some(ips) => ips,
            None => self.look_up(name).await,
        };
        if ips.is_empty() {
            tracing::debug!(%name, "a resolver has no address");
            self.silent(server.clone());
        }
        let at = |ip| SocketAddr::new(ip, port);
        ips.into_iter().map(at).collect()
    }

    /// The addresses of a server. The name is not looked for in stub domains, as it could be in its own.
    async fn look_up(&self, name: &Name) -> Vec<IpAddr> {
        let of_kind = async |kind| {
            let mut query = Message::query();
            query.metadata.recursion_desired = true;
            query.add_query(Query::query(name.clone(), kind));
            let known = self.chosen.cache.lock().get(&query, Instant::now());
            let mut asking = Asking {
                query: &query,
                failure: None,
                ..*self
            };
            let answer = match known {
                Some(answer) => Some(answer),
                None => tokio::time::timeout(NAMING, asking.general())
                    .await
                    .ok()
                    .flatten(),
            };
            let records = answer.map(|answer| answer.answers).unwrap_or_default();
            let addresses = records.into_iter().map(|record| record.data.ip_addr());
            addresses.flatten().collect::<Vec<_>>()
        };
        let (v4, v6) = tokio::join!(of_kind(RecordType::A), of_kind(RecordType::AAAA));
        [v4, v6].concat()
    }
}

/// As the C library sees it, which asks the next server then.
fn cannot_tell(answer: &Message) -> bool {
    use ResponseCode::{NotImp, Refused, ServFail};
    matches!(answer.metadata.response_code, ServFail | NotImp | Refused)
}
