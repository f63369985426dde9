//! Tokens of service accounts, asked for anew before they end.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use navarch_client::Clock;
use navarch_machinery::status::StatusError;
use parking_lot::Mutex;

use crate::objects::{Objects, Token};
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
        let token = objects.token(pod, audience, seconds).await?;
        let text = token.token.clone();
        self.held.lock().insert(key, (token, now));
        Ok(text)
    }

    pub(super) fn forget(&self, uid: &str) {
        self.held.lock().retain(|(of, _), _| of != uid);
    }
}

fn is_old(token: &Token, since: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(since);
    age > LONGEST || age.as_secs() * 5 > token.expires.duration_since(since).as_secs() * 4
}
