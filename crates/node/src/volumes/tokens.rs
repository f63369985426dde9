//! Tokens of service accounts, asked for anew before they end.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use navarch_client::Clock;
use navarch_machinery::status::StatusError;
use parking_lot::Mutex;

use crate::Token;
use crate::objects::Objects;
use crate::spec;

/// No token is used longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// Tokens by pod and place. Bounded by the pods of the node.
pub(super) struct Tokens {
    clock: Arc<dyn Clock>,
    held: Mutex<HashMap<(String, String), (Token, Timestamp)>>,
}

impl Tokens {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            held: Mutex::default(),
        }
    }

    /// The token for a place in a pod: the one that is held until four fifths of its time are over.
    pub(super) async fn get(
        &self,
        objects: &Objects,
        pod: &Pod,
        place: &str,
        audience: Option<&str>,
        seconds: i64,
    ) -> Result<String, StatusError> {
        let key = (spec::uid(pod).to_owned(), place.to_owned());
        let now = self.clock.now();
        if let Some((token, since)) = self.held.lock().get(&key)
            && !is_old(token, *since, now)
        {
            return Ok(token.token.clone());
        }
        let token = match objects.token(pod, audience, seconds).await {
            Ok(token) => token,
            Err(error) => return self.unless_over(&key, now).ok_or(error),
        };
        let text = token.token.clone();
        self.held.lock().insert(key, (token, now));
        Ok(text)
    }

    /// The token that is held, old as it is, while it holds.
    fn unless_over(&self, key: &(String, String), now: Timestamp) -> Option<String> {
        let held = self.held.lock();
        let (token, _) = held.get(key)?;
        (now < token.expires).then(|| token.token.clone())
    }

    /// When the first of the tokens grows old that end by `end`.
    pub(super) fn due(&self, end: Timestamp) -> Option<Timestamp> {
        let held = self.held.lock();
        let ending = held.values().filter(|(token, _)| token.expires <= end);
        ending
            .map(|(token, since)| {
                let life = token.expires.duration_since(*since);
                since.saturating_add(life * 4 / 5).unwrap_or(*since)
            })
            .min()
    }

    pub(super) fn forget(&self, uid: &str) {
        self.held.lock().retain(|(of, _), _| of != uid);
    }
}

fn is_old(token: &Token, since: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(since);
    age > LONGEST || age * 5 > token.expires.duration_since(since) * 4
}

#[cfg(test)]
mod tests;
