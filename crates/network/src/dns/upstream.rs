//! Questions that are not of the cluster go to the host's resolvers.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Instant;

use hickory_proto::op::{Message, ResponseCode};
use parking_lot::Mutex;

use super::cache::Cache;
use super::exchange::exchange;
use super::{reply, resolv_conf};

/// How often all of them are asked.
const ROUNDS: usize = 2;

/// The way to other resolvers.
pub(super) struct Upstream {
    /// The host's `resolv.conf`, read anew for every question that the cache cannot answer.
    pub(super) resolv_conf: PathBuf,
    pub(super) netns: Option<PathBuf>,
    pub(super) cache: Mutex<Cache>,
}

impl Upstream {
    /// What they have answered lately.
    pub(super) fn known(&self, query: &Message) -> Option<Message> {
        self.cache.lock().get(query, Instant::now())
    }

    /// Their answer, or that there is none. `own`: addresses of ours, where the question would come back to us.
    pub(super) async fn ask(&self, query: &Message, own: impl Fn(IpAddr) -> bool) -> Message {
        let text = tokio::fs::read_to_string(&self.resolv_conf).await;
        let servers = resolv_conf::servers(&text.unwrap_or_default(), own);
        for _ in 0..ROUNDS {
            for server in &servers {
                match exchange(self.netns.as_deref(), *server, query).await {
                    Ok(answer) => {
                        self.cache.lock().put(query, &answer, Instant::now());
                        return answer;
                    }
                    Err(error) => tracing::debug!(%server, %error, "a resolver does not answer"),
                }
            }
        }
        reply::to(query, ResponseCode::ServFail)
    }
}
