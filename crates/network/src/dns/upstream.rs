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

/// The way to other resolvers.
pub(super) struct Upstream {
    /// The host's `resolv.conf`, read anew for every question that the cache cannot answer.
    pub(super) resolv_conf: PathBuf,
    pub(super) netns: Option<PathBuf>,
    /// Who is to be asked.
    pub(super) chosen: watch::Receiver<Arc<Chosen>>,
    /// So long questions wait until the API has said that; from then on the host's resolvers are asked.
    pub(super) until: tokio::time::Instant,
}

/// What a question must know of the cluster.
pub(super) trait Cluster: Sync {
    /// Whether a resolver there would ask us again.
    fn is_own(&self, ip: IpAddr) -> bool;
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
        let asked = async {
            let chosen = self.chosen().await;
            let servers = self.servers(&chosen, query, cluster).await;
            self.ask_one_of(&servers, query, &chosen).await
        };
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        answer
            .ok()
            .flatten()
            .unwrap_or_else(|| reply::to(query, ResponseCode::ServFail))
    }

    async fn chosen(&self) -> Arc<Chosen> {
        let mut chosen = self.chosen.clone();
        let known = chosen.wait_for(|chosen| chosen.is_known);
        // Whoever follows the API is gone only with us.
        let _ = tokio::time::timeout_at(self.until, known).await;
        let chosen = self.chosen.borrow();
        chosen.clone()
    }

    async fn servers(
        &self,
        chosen: &Chosen,
        query: &Message,
        cluster: &impl Cluster,
    ) -> Vec<SocketAddr> {
        let settings = &chosen.settings;
        let name = query.queries.first().map(Query::name);
        let Some(servers) = name.and_then(|name| settings.of_stub_domain(name)) else {
            return self.general(settings, cluster).await;
        };
        let mut addresses = Vec::new();
        for server in servers {
            match server {
                Server::At(address) => addresses.push(*address),
                Server::Named(name, port) => {
                    let ips = match cluster.addresses(name) {
                        Some(ips) => ips,
                        None => self.look_up(name, chosen, cluster).await,
                    };
                    addresses.extend(ips.into_iter().map(|ip| SocketAddr::new(ip, *port)));
                }
            }
        }
        addresses.retain(|server| !cluster.is_own(server.ip()));
        addresses
    }

    /// Those that are asked for what is in no stub domain.
    async fn general(&self, settings: &Settings, cluster: &impl Cluster) -> Vec<SocketAddr> {
        let is_own = |ip: IpAddr| cluster.is_own(ip);
        if settings.upstream.is_empty() {
            let text = tokio::fs::read_to_string(&self.resolv_conf).await;
            return resolv_conf::servers(&text.unwrap_or_default(), is_own);
        }
        let servers = settings.upstream.iter().copied();
        servers.filter(|server| !is_own(server.ip())).collect()
    }

    /// The addresses of a server. The name is not looked for in stub domains, as it could be in its own.
    async fn look_up(&self, name: &Name, chosen: &Chosen, cluster: &impl Cluster) -> Vec<IpAddr> {
        let servers = self.general(&chosen.settings, cluster).await;
        let mut addresses = Vec::new();
        for kind in [RecordType::A, RecordType::AAAA] {
            let mut query = Message::query();
            query.metadata.recursion_desired = true;
            query.add_query(Query::query(name.clone(), kind));
            let known = chosen.cache.lock().get(&query, Instant::now());
            let answer = match known {
                Some(answer) => Some(answer),
                None => self.ask_one_of(&servers, &query, chosen).await,
            };
            let records = answer.into_iter().flat_map(|answer| answer.answers);
            addresses.extend(records.filter_map(|record| record.data.ip_addr()));
        }
        addresses
    }

    /// The first answer. One that says that its server cannot tell is only the answer if no other server can. Who was silent lately is asked
    /// last.
    async fn ask_one_of(
        &self,
        servers: &[SocketAddr],
        query: &Message,
        chosen: &Chosen,
    ) -> Option<Message> {
        let mut failure = None;
        for _ in 0..ROUNDS {
            let servers = chosen.silent.lock().last(servers, Instant::now());
            for server in servers {
                match exchange(self.netns.as_deref(), server, query).await {
                    Ok(answer) if cannot_tell(&answer) => failure = Some(answer),
                    Ok(answer) => {
                        chosen.cache.lock().put(query, &answer, Instant::now());
                        return Some(answer);
                    }
                    Err(error) => {
                        tracing::debug!(%server, %error, "a resolver does not answer");
                        chosen.silent.lock().note(server, Instant::now());
                    }
                }
            }
            if failure.is_some() {
                break;
            }
        }
        failure
    }
}

/// As the C library sees it, which asks the next server then.
fn cannot_tell(answer: &Message) -> bool {
    use ResponseCode::{NotImp, Refused, ServFail};
    matches!(answer.metadata.response_code, ServFail | NotImp | Refused)
}
