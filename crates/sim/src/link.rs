//! The way from one part to the API server: calls may be lost on it, and end when the server does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use navarch_api::call::{Answer, Call, Endpoint, WatchStream};
use navarch_apiserver::ApiServer;
use navarch_auth::UserInfo;
use navarch_machinery::status::{Result, StatusError};
use tokio::sync::watch;

use crate::faults::{Fate, Faults};

/// How long a call waits that nobody answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// The API server of the moment; `None` while there is none.
pub(crate) type Servers = watch::Receiver<Option<Arc<ApiServer>>>;

/// A part's connection, on which it speaks as somebody.
pub(crate) struct Link {
    /// The part, which may be cut off.
    pub(crate) part: String,
    pub(crate) user: UserInfo,
    pub(crate) servers: Servers,
    pub(crate) faults: Arc<Faults>,
}

impl Link {
    /// The server, and what tells of its end.
    async fn server(&self) -> Result<(Arc<dyn Endpoint>, Servers)> {
        tokio::time::sleep(self.faults.delay()).await;
        if self.faults.is_cut(&self.part) {
            tokio::time::sleep(PATIENCE).await;
            return Err(unreachable("i/o timeout"));
        }
        let mut servers = self.servers.clone();
        let server = servers.borrow_and_update().clone();
        let server = server.ok_or_else(|| unreachable("connection refused"))?;
        Ok((server.as_user(self.user.clone()), servers))
    }
}

#[async_trait]
impl Endpoint for Link {
    async fn call(&self, call: Call) -> Result<Answer> {
        let fate = self.faults.fate();
        let (server, mut servers) = self.server().await?;
        let told = || {
            format!(
                "{}: {:?} {} {:?}",
                self.part, call.verb, call.resource.resource, call.name
            )
        };
        if self.faults.circles(told) {
            tokio::time::sleep(PATIENCE).await;
        }
        if fate == Fate::Refused {
            return Err(unreachable("connection refused"));
        }
        // A server that ends leaves a call wherever it is.
        let answer = tokio::select! {
            biased;
            _ = servers.changed() => return Err(unreachable("unexpected EOF")),
            answer = server.call(call) => answer,
        };
        tokio::time::sleep(self.faults.delay()).await;
        if fate == Fate::Lost || self.faults.is_cut(&self.part) {
            return Err(unreachable("unexpected EOF"));
        }
        answer
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        if self.faults.fate() != Fate::Answered {
            return Err(unreachable("connection refused"));
        }
        let (server, servers) = self.server().await?;
        let told = || format!("{}: Watch {}", self.part, call.resource.resource);
        if self.faults.circles(told) {
            tokio::time::sleep(PATIENCE).await;
        }
        let events = server.watch(call).await?;
        let (part, faults) = (self.part.clone(), self.faults.clone());
        let state = (events, servers, part, faults);
        let events =
            futures::stream::unfold(state, |(mut events, mut servers, part, faults)| async {
                let event = tokio::select! {
                    biased;
                    _ = servers.changed() => return None,
                    event = events.next() => event?,
                };
                tokio::time::sleep(faults.delay()).await;
                if faults.is_cut(&part) {
                    tokio::time::sleep(PATIENCE).await;
                    return None;
                }
                if faults.breaks_watch() {
                    return None;
                }
                Some((event, (events, servers, part, faults)))
            });
        Ok(Box::pin(events))
    }
}

fn unreachable(why: &str) -> StatusError {
    StatusError::unavailable(why)
}
