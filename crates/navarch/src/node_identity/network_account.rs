//! The account by which a node that has joined sees services and network policies, which a node as such does not: by a token that dies with
//! the node's object, and that the node asks for itself.
//!
//! It is not kept on disk: where the server is away it is of no use, and where it is there the node asks anew.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use navarch_api::call::{Answer, Call, Endpoint, WatchStream};
use navarch_auth::SERVICE_PROXY_ACCOUNT;
use navarch_client::{Backoff, Client, Https, Servers};
use navarch_machinery::status::{Result, StatusError};
use navarch_node::Token;
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::Place;
use crate::remote;

/// For how long it is asked for, in seconds. The server may give less.
const ASKED: u32 = 3600;
/// What of its life is over when the next is asked for.
const USED: f64 = 0.8;
/// Not more often than so, even where the server refuses each at once.
const APART: Duration = Duration::from_secs(1);
/// What fails is tried again: soon, for at its first start the node is about to be registered, and then as a watch is.
const TRIES: Backoff = Backoff {
    base: Duration::from_millis(20),
    max: Duration::from_secs(30),
};
/// How long a call waits for the first token.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nothing until there is a token.
type Current = Option<Arc<Https>>;

/// The API by the token of the moment. Watches that were begun by an older one go on: a server asks once who somebody is.
struct ByToken {
    current: watch::Receiver<Current>,
    refused: Arc<Notify>,
}

/// What asks for tokens.
struct Keeper {
    node: Client,
    name: String,
    servers: Servers,
    authority: String,
    current: watch::Sender<Current>,
    refused: Arc<Notify>,
}

/// A client of that account, kept fresh by one of the tasks. `node`: the API, as the node.
pub(super) fn client(tasks: &mut JoinSet<()>, place: &Place<'_>, node: Client) -> Client {
    let keeper = Keeper {
        node,
        name: place.name.clone(),
        servers: place.servers.clone(),
        authority: place.authority.clone(),
        current: watch::Sender::new(None),
        refused: Arc::default(),
    };
    let client = Client::new(Arc::new(keeper.kept()));
    tasks.spawn(keeper.keep());
    client
}

impl Keeper {
    fn kept(&self) -> ByToken {
        ByToken {
            current: self.current.subscribe(),
            refused: self.refused.clone(),
        }
    }

    /// Asks anew before a token ends, or when it is not believed any more, as after the node's object was deleted.
    async fn keep(self) {
        let mut failures = 0;
        loop {
            match self.obtain().await {
                Ok((https, life)) => {
                    failures = 0;
                    self.current.send_replace(Some(Arc::new(https)));
                    tokio::time::sleep(APART).await;
                    tokio::select! {
                        () = tokio::time::sleep(life.mul_f64(USED).saturating_sub(APART)) => {}
                        () = self.refused.notified() => {}
                    }
                }
                Err(error) => {
                    failures += 1;
                    let wait = TRIES.after(failures);
                    // The node's object is not there before the node has registered itself.
                    if error.is_not_found() {
                        tracing::debug!(%error, ?wait, "no token for services and network policies yet");
                    } else {
                        tracing::warn!(%error, ?wait, "no token for services and network policies");
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    async fn obtain(&self) -> Result<(Https, Duration)> {
        let node = self.node.get::<Node>(None, &self.name).await?;
        let bound = json!({"kind": "Node", "apiVersion": "v1", "name": self.name, "uid": node.metadata.uid});
        let spec = json!({"expirationSeconds": ASKED, "boundObjectRef": bound});
        let token = Token::request(&self.node, SERVICE_PROXY_ACCOUNT, spec).await?;
        let client = remote::by_token(&self.servers, &token.token, &self.authority);
        let client = client.map_err(|error| StatusError::internal(format!("{error:#}")))?;
        Ok((Https::new(client), token.life))
    }
}

impl ByToken {
    async fn now(&self) -> Result<Arc<Https>> {
        let mut current = self.current.clone();
        let known = tokio::time::timeout(PATIENCE, current.wait_for(Option::is_some)).await;
        let known = known.ok().and_then(std::result::Result::ok);
        known
            .and_then(|known| known.clone())
            .ok_or_else(|| StatusError::unavailable("there is no token to ask with yet"))
    }

    /// Has a token exchanged that is not believed, if that has not been done meanwhile.
    fn heard<T>(&self, by: &Arc<Https>, answer: Result<T>) -> Result<T> {
        let is_refused = answer.as_ref().is_err_and(|error| error.code == 401);
        let current = self.current.borrow();
        if is_refused && current.as_ref().is_some_and(|it| Arc::ptr_eq(it, by)) {
            self.refused.notify_one();
        }
        answer
    }
}

#[async_trait::async_trait]
impl Endpoint for ByToken {
    async fn call(&self, call: Call) -> Result<Answer> {
        let by = self.now().await?;
        self.heard(&by, by.call(call).await)
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        let by = self.now().await?;
        self.heard(&by, by.watch(call).await)
    }
}

#[cfg(test)]
mod tests;
