//! Clients that write without pause, and remember what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Clients that write at the same time.
const CLIENTS: usize = 4;
/// How long so many acknowledgements may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause after a write that failed: the server is on its way up.
const PAUSE: Duration = Duration::from_millis(20);

/// What the server said yes to.
#[derive(Default)]
struct Acknowledged {
    /// Objects that were created.
    created: Vec<String>,
    /// The last count that was written, by client.
    counts: BTreeMap<String, u64>,
    /// The revision of every answer: each is of an event of its own.
    revisions: BTreeSet<u64>,
}

/// Clients at work.
pub(super) struct Writers {
    acknowledged: Arc<Mutex<Acknowledged>>,
    number: watch::Receiver<usize>,
    clients: JoinSet<()>,
}

impl Writers {
    pub(super) async fn start(client: kube::Client) -> Self {
        let (sender, number) = watch::channel(0);
        let sender = Arc::new(sender);
        let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
        let mut clients = JoinSet::new();
        let maps: Api<ConfigMap> = Api::default_namespaced(client);
        for client in 0..CLIENTS {
            let name = format!("counter-{client}");
            maps.create(&PostParams::default(), &config_map(&name))
                .await
                .unwrap();
            clients.spawn(write(
                maps.clone(),
                name,
                acknowledged.clone(),
                sender.clone(),
            ));
        }
        Self {
            acknowledged,
            number,
            clients,
        }
    }

    /// Waits for so many more acknowledgements.
    pub(super) async fn more(&mut self, count: usize) {
        let wanted = *self.number.borrow() + count;
        let more = self.number.wait_for(|number| *number >= wanted);
        let more = tokio::time::timeout(PATIENCE, more).await;
        assert!(more.is_ok(), "writes stopped");
    }

    /// Everything that was acknowledged is there, and no revision went back.
    pub(super) async fn hold_against(&self, client: kube::Client) {
        let maps: Api<ConfigMap> = Api::default_namespaced(client);
        // Taken before the list: what is acknowledged later need not be in it.
        let (created, counts, revision) = {
            let known = self.acknowledged.lock().unwrap();
            let last = known.revisions.last().copied().unwrap_or(0);
            (known.created.clone(), known.counts.clone(), last)
        };
        let list = maps.list(&ListParams::default()).await.unwrap();
        let now: u64 = list.metadata.resource_version.unwrap().parse().unwrap();
        assert!(
            now >= revision,
            "the revision went from {revision} to {now}"
        );
        let there: BTreeMap<String, ConfigMap> = list
            .items
            .into_iter()
            .map(|map| (map.metadata.name.clone().unwrap(), map))
            .collect();
        let lost: Vec<_> = created
            .iter()
            .filter(|name| !there.contains_key(*name))
            .collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        for (name, count) in counts {
            let stored: u64 = there[&name].data.as_ref().unwrap()["count"]
                .parse()
                .unwrap();
            assert!(stored >= count, "{name} went from {count} back to {stored}");
        }
    }

    /// Stops. Returns the revision of every write that was acknowledged.
    pub(super) async fn stop(mut self) -> BTreeSet<u64> {
        self.clients.shutdown().await;
        std::mem::take(&mut self.acknowledged.lock().unwrap().revisions)
    }
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"count": "0"}})).unwrap()
}

/// The revision at which this version was written.
pub(super) fn revision(map: &ConfigMap) -> u64 {
    map.metadata
        .resource_version
        .as_ref()
        .unwrap()
        .parse()
        .unwrap()
}

/// Creates an object and counts one up, again and again.
async fn write(
    maps: Api<ConfigMap>,
    counter: String,
    acknowledged: Arc<Mutex<Acknowledged>>,
    number: Arc<watch::Sender<usize>>,
) {
    for count in 1_u64.. {
        let name = format!("{counter}-{count}");
        let created = maps
            .create(&PostParams::default(), &config_map(&name))
            .await;
        let patch = Patch::Merge(json!({"data": {"count": count.to_string()}}));
        let patched = maps.patch(&counter, &PatchParams::default(), &patch).await;
        let failed = created.is_err() || patched.is_err();
        let said_yes = usize::from(created.is_ok()) + usize::from(patched.is_ok());
        {
            let mut known = acknowledged.lock().unwrap();
            for map in created.iter().chain(&patched) {
                known.revisions.insert(revision(map));
            }
            if created.is_ok() {
                known.created.push(name);
            }
            if patched.is_ok() {
                known.counts.insert(counter.clone(), count);
            }
        }
        number.send_modify(|number| *number += said_yes);
        if failed {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
