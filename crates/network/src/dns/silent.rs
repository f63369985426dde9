//! Servers that did not answer lately: the next questions do not wait for them first.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::settings::Server;

/// For how long a server is asked last.
const REST: Duration = Duration::from_secs(10);

/// They, and since when. One that nobody names any more is forgotten with the next that is silent.
#[derive(Default)]
pub(super) struct Silent(HashMap<Server, Instant>);

impl Silent {
    /// The server has not answered.
    pub(super) fn note(&mut self, server: Server, now: Instant) {
        self.0.retain(|_, since| now.duration_since(*since) < REST);
        self.0.insert(server, now);
    }

    /// These servers in their order, but those that were silent behind the others.
    pub(super) fn last(&self, servers: &[Server], now: Instant) -> Vec<Server> {
        let is_silent = |server: &&Server| {
            let since = self.0.get(server);
            since.is_some_and(|since| now.duration_since(*since) < REST)
        };
        let (silent, others): (Vec<_>, Vec<_>) = servers.iter().partition(is_silent);
        others.into_iter().chain(silent).cloned().collect()
    }
}
