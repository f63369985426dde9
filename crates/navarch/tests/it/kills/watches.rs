//! Clients that watch, and go on from what they saw last when the server is there again.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, WatchEvent, WatchParams};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::writes::revision;

/// Clients that watch at the same time.
const CLIENTS: usize = 4;
/// How long they may take to see the last event.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause after a watch that ended: the server is on its way up.
const PAUSE: Duration = Duration::from_millis(5);
/// What a client is told whose last revision is no longer known.
const GONE: u16 = 410;

/// What one client saw.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// The revisions of the events, in the order in which they came.
    events: Vec<u64>,
    /// Up to where it knows everything.
    last: u64,
    /// What it was told it could not see: after the first revision, up to the second, which it listed.
    gone: Vec<(u64, u64)>,
    /// How often it went on after the connection was lost, with no list.
    resumed: usize,
}

/// Clients at work.
pub(super) struct Watchers {
    seen: Vec<watch::Receiver<Seen>>,
    /// From where on all of them watch.
    start: u64,
    _clients: JoinSet<()>,
}

impl Watchers {
    pub(super) async fn start(client: kube::Client) -> Self {
        let maps: Api<ConfigMap> = Api::default_namespaced(client);
        let start = newest(&maps).await.unwrap();
        let mut clients = JoinSet::new();
        let mut seen = Vec::new();
        for _ in 0..CLIENTS {
            let last = start;
            let (sender, receiver) = watch::channel(Seen {
                last,
                ..Seen::default()
            });
            seen.push(receiver);
            clients.spawn(follow(maps.clone(), sender));
        }
        Self {
            seen,
            start,
            _clients: clients,
        }
    }

    /// Every client saw each of these events once and in order, but for those it was told it could not see.
    pub(super) async fn hold_against(mut self, acknowledged: &BTreeSet<u64>) {
        let last = *acknowledged.last().unwrap();
        for (number, seen) in self.seen.iter_mut().enumerate() {
            let all = seen.wait_for(|seen| seen.last >= last);
            let all = tokio::time::timeout(PATIENCE, all).await;
            let seen = all.expect("a watch goes on").unwrap().clone();
            let in_order = seen.events.is_sorted_by(|one, next| one < next);
            assert!(in_order, "client {number} saw {:?}", seen.events);
            let events: BTreeSet<u64> = seen.events.iter().copied().collect();
            let excused = |at: u64| seen.gone.iter().any(|(from, to)| *from < at && at <= *to);
            let missed: Vec<_> = acknowledged
                .iter()
                .filter(|at| **at > self.start && !events.contains(*at) && !excused(**at))
                .collect();
            assert!(missed.is_empty(), "client {number} missed {missed:?}");
            let (events, resumed, gone) = (events.len(), seen.resumed, &seen.gone);
            println!(
                "client {number}: {events} events, went on {resumed} times, was told of {gone:?}"
            );
        }
    }
}

/// The revision that a client knows everything of which lists now.
async fn newest(maps: &Api<ConfigMap>) -> Option<u64> {
    let list = maps.list(&ListParams::default()).await.ok()?;
    list.metadata.resource_version?.parse().ok()
}

/// Watches for ever, from the last event that it saw.
async fn follow(maps: Api<ConfigMap>, seen: watch::Sender<Seen>) {
    loop {
        let from = seen.borrow().last;
        if !watch_once(&maps, from, &seen).await {
            // Told that events are missing. What is there now is all that can be known.
            let Some(now) = newest(&maps).await else {
                continue;
            };
            seen.send_modify(|seen| {
                seen.gone.push((from, now));
                seen.last = now;
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Watches until the watch ends. `false`: because the server no longer knows what came after `from`.
async fn watch_once(maps: &Api<ConfigMap>, from: u64, seen: &watch::Sender<Seen>) -> bool {
    let events = match maps.watch(&WatchParams::default(), &from.to_string()).await {
        Ok(events) => events,
        Err(kube::Error::Api(status)) if status.code == GONE => return false,
        Err(_) => return true,
    };
    seen.send_modify(|seen| seen.resumed += 1);
    let mut events = Box::pin(events);
    while let Ok(Some(event)) = events.try_next().await {
        match event {
            WatchEvent::Added(map) | WatchEvent::Modified(map) | WatchEvent::Deleted(map) => {
                let at = revision(&map);
                seen.send_modify(|seen| {
                    seen.events.push(at);
                    seen.last = at;
                });
            }
            WatchEvent::Error(status) => return status.code != GONE,
            WatchEvent::Bookmark(_) => {}
        }
    }
    true
}
