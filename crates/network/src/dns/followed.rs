//! Follows what the cluster's administrators have set for names that are not the cluster's.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::Name;
use k8s_openapi::api::core::v1::ConfigMap;
use navarch_client::{
    Client, EventRecorder, EventType, Informer, InformerOptions, ListOptions, ObjectKey,
    SystemClock,
};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio::time::Instant;

use super::cache::Cache;
use super::settings::{InvalidSettings, Settings};
use super::silent::Silent;
use crate::kept_file;
use crate::task::Task;

/// Where it is set.
const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-dns";
/// So long after the start questions to others wait until it is known who they are.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many questions the servers of one stub domain are asked at a time: those of others must not fail with theirs.
const QUESTIONS_OF_ONE: usize = 256;

/// Who is asked for names that are not the cluster's, as it is followed.
pub struct DnsSettings {
    /// The cluster's domain.
    pub(super) domain: Name,
    pub(super) chosen: watch::Receiver<Arc<Chosen>>,
    /// Until then questions wait until it is known; from then on the host's resolvers are asked.
    pub(super) until: Instant,
    _following: Task,
}

impl DnsSettings {
    /// Follows them, as `node`, for the cluster's domain (as `cluster.local`). `kept` is the file that says how they were, with which it
    /// begins. The client must be one that may follow their `ConfigMap`, as `system:kube-proxy` may. Errors: the domain is none.
    pub fn follow(client: &Client, node: &str, domain: &str, kept: PathBuf) -> io::Result<Self> {
        let mut name = Name::from_ascii(domain).map_err(io::Error::other)?;
        name.set_fqdn(true);
        let domain = name.to_lowercase();
        let list = ListOptions {
            namespace: Some(NAMESPACE.into()),
            field_selector: format!("metadata.name={NAME}"),
            ..ListOptions::default()
        };
        let options = InformerOptions {
            list,
            ..InformerOptions::default()
        };
        let before = kept_file::read(&kept).and_then(|data| {
            let map = ConfigMap {
                data: Some(data),
                ..ConfigMap::default()
            };
            Settings::read(&map, &domain).ok()
        });
        let is_known = before.is_some();
        let before = Chosen::new(before.unwrap_or_default(), is_known);
        let (tell, chosen) = watch::channel(before);
        let until = Instant::now() + PATIENCE;
        let follower = Follower {
            maps: Informer::start(client.clone(), options),
            events: EventRecorder::start(
                client.clone(),
                "cluster-dns",
                node,
                Arc::new(SystemClock),
            ),
            domain: domain.clone(),
            kept,
            tell,
        };
        Ok(Self {
            domain,
            chosen,
            until,
            _following: Task::spawn(follower.run(until)),
        })
    }
}

/// Who is asked, with what they have answered: what one has said is not said in the name of another.
pub(super) struct Chosen {
    pub(super) settings: Settings,
    pub(super) cache: Mutex<Cache>,
    pub(super) silent: Mutex<Silent>,
    /// Whether the API has said so, now or before this start.
    pub(super) is_known: bool,
    /// One for each question that the servers of a stub domain are asked.
    places: HashMap<Name, Semaphore>,
}

impl Chosen {
    fn new(settings: Settings, is_known: bool) -> Arc<Self> {
        let places = settings.stub_domains().cloned();
        Arc::new(Self {
            places: places
                .map(|stub| (stub, Semaphore::new(QUESTIONS_OF_ONE)))
                .collect(),
            settings,
            cache: Mutex::new(Cache::new()),
            silent: Mutex::default(),
            is_known,
        })
    }

    /// A place among the questions to the servers of a stub domain, if there is one left.
    pub(super) fn place(&self, stub: &Name) -> Option<SemaphorePermit<'_>> {
        self.places.get(stub)?.try_acquire().ok()
    }
}

struct Follower {
    maps: Informer<ConfigMap>,
    events: EventRecorder,
    domain: Name,
    kept: PathBuf,
    tell: watch::Sender<Arc<Chosen>>,
}

impl Follower {
    async fn run(self, until: Instant) {
        let changed = Arc::new(Notify::new());
        let bell = changed.clone();
        self.maps.on_change(move |_, _| bell.notify_one());
        if tokio::time::timeout_at(until, self.maps.synced())
            .await
            .is_err()
        {
            let is_known = self.tell.borrow().is_known;
            tracing::warn!(
                is_known,
                "the API does not say who is asked for names that are not the cluster's: as before this start, or the host's resolvers"
            );
            self.maps.synced().await;
        }
        let mut last = None;
        loop {
            let map = self.maps.get(&ObjectKey::new(NAMESPACE, NAME));
            let version = map.as_ref().map(|map| {
                let metadata = &map.metadata;
                (metadata.uid.clone(), metadata.resource_version.clone())
            });
            if last.as_ref() != Some(&version) {
                self.take(map.as_deref()).await;
                last = Some(version);
            }
            changed.notified().await;
        }
    }

    /// What cannot be read changes nothing.
    async fn take(&self, map: Option<&ConfigMap>) {
        let read = map.map(|map| Settings::read(map, &self.domain).map_err(|error| (map, error)));
        match read.transpose() {
            Ok(settings) => {
                self.choose(Some(settings.unwrap_or_default()));
                self.keep(map).await;
            }
            Err((map, error)) => {
                self.choose(None);
                self.refuse(map, &error);
            }
        }
    }

    /// `None`: as before, which is known by that.
    fn choose(&self, settings: Option<Settings>) {
        self.tell.send_if_modified(|chosen| {
            let is_new = settings.as_ref().is_some_and(|new| *new != chosen.settings);
            if is_new || !chosen.is_known {
                *chosen = Chosen::new(settings.unwrap_or_default(), true);
                return true;
            }
            false
        });
    }

    /// For the next start.
    async fn keep(&self, map: Option<&ConfigMap>) {
        let data: BTreeMap<String, String> =
            map.and_then(|map| map.data.clone()).unwrap_or_default();
        let path = self.kept.clone();
        let write = move || match kept_file::read::<BTreeMap<String, String>>(&path) {
            Some(before) if before == data => Ok(()),
            _ => kept_file::write(&path, &data),
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
            tracing::warn!(%error, "the settings of cluster DNS are not kept for the next start");
        }
    }

    fn refuse(&self, map: &ConfigMap, error: &InvalidSettings) {
        tracing::warn!(%error, "the settings of cluster DNS cannot be used: those before them stay");
        let message = format!("Settings of cluster DNS stay as they were: {error}");
        self.events
            .event(map, EventType::Warning, "InvalidConfiguration", message);
    }
}
