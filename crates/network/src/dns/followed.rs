//! Follows what the cluster's administrators have set for names that are not the cluster's.

use std::sync::Arc;

use hickory_proto::rr::Name;
use k8s_openapi::api::core::v1::ConfigMap;
use navarch_client::{
    Client, EventRecorder, EventType, Informer, InformerOptions, ListOptions, ObjectKey,
    SystemClock,
};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::cache::Cache;
use super::settings::{InvalidSettings, Settings};
use super::silent::Silent;
use crate::task::Task;

/// Where it is set.
const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-dns";

/// Who is asked, with what they have answered: what one has said is not said in the name of another.
pub(super) struct Chosen {
    pub(super) settings: Settings,
    pub(super) cache: Mutex<Cache>,
    pub(super) silent: Mutex<Silent>,
    /// Whether the API has said so.
    pub(super) is_known: bool,
}

impl Chosen {
    fn new(settings: Settings, is_known: bool) -> Arc<Self> {
        Arc::new(Self {
            settings,
            cache: Mutex::new(Cache::new()),
            silent: Mutex::default(),
            is_known,
        })
    }
}

/// Follows them from now on, as `node`, for the cluster's domain.
pub(super) fn follow(
    client: &Client,
    node: &str,
    domain: Name,
) -> (watch::Receiver<Arc<Chosen>>, Task) {
    let list = ListOptions {
        namespace: Some(NAMESPACE.into()),
        field_selector: format!("metadata.name={NAME}"),
        ..ListOptions::default()
    };
    let options = InformerOptions {
        list,
        ..InformerOptions::default()
    };
    let (tell, chosen) = watch::channel(Chosen::new(Settings::default(), false));
    let follower = Follower {
        maps: Informer::start(client.clone(), options),
        events: EventRecorder::start(client.clone(), "cluster-dns", node, Arc::new(SystemClock)),
        domain,
        tell,
    };
    (chosen, Task::spawn(follower.run()))
}

struct Follower {
    maps: Informer<ConfigMap>,
    events: EventRecorder,
    domain: Name,
    tell: watch::Sender<Arc<Chosen>>,
}

impl Follower {
    async fn run(self) {
        self.maps.synced().await;
        let mut revisions = self.maps.revisions();
        let mut last = None;
        loop {
            revisions.borrow_and_update();
            let map = self.maps.get(&ObjectKey::new(NAMESPACE, NAME));
            let version = map.as_ref().map(|map| {
                let metadata = &map.metadata;
                (metadata.uid.clone(), metadata.resource_version.clone())
            });
            if last.as_ref() != Some(&version) {
                self.take(map.as_deref());
                last = Some(version);
            }
            if revisions.changed().await.is_err() {
                return;
            }
        }
    }

    /// What cannot be read changes nothing.
    fn take(&self, map: Option<&ConfigMap>) {
        let settings = match map {
            None => Some(Settings::default()),
            Some(map) => match Settings::read(map, &self.domain) {
                Ok(settings) => Some(settings),
                Err(error) => {
                    self.refuse(map, &error);
                    None
                }
            },
        };
        self.tell.send_if_modified(|chosen| {
            let is_new = settings.as_ref().is_some_and(|new| *new != chosen.settings);
            if is_new || !chosen.is_known {
                *chosen = Chosen::new(settings.unwrap_or_default(), true);
                return true;
            }
            false
        });
    }

    fn refuse(&self, map: &ConfigMap, error: &InvalidSettings) {
        tracing::warn!(%error, "the settings of cluster DNS cannot be used: those before them stay");
        let message = format!("Settings of cluster DNS stay as they were: {error}");
        self.events
            .event(map, EventType::Warning, "InvalidConfiguration", message);
    }
}
