//! Who sees every revision of the store, in order, and asks the invariants of each.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::FutureExt;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use navarch_store::{Event, EventKind, Memory, Revision, Store, Watch};

/// Events that are read at once.
const BATCH: usize = 1024;
/// Lines that are told of what came before something that does not hold.
const STORY: usize = 150;
/// What is looked at, by the first segment of its keys.
const BUCKETS: [&str; 5] = [
    "pods/",
    "nodes/",
    "services/",
    "deployments.apps/",
    "replicasets.apps/",
];

/// The cluster at a revision, by key.
#[derive(Debug, Default)]
pub struct State {
    /// Pods, as `pods/default/p`.
    pub pods: BTreeMap<String, Arc<Pod>>,
    /// Nodes.
    pub nodes: BTreeMap<String, Arc<Node>>,
    /// Services.
    pub services: BTreeMap<String, Arc<Service>>,
    /// Deployments.
    pub deployments: BTreeMap<String, Arc<Deployment>>,
    /// Replica sets.
    pub replica_sets: BTreeMap<String, Arc<ReplicaSet>>,
}

/// A change of one object: before and after.
#[derive(Debug, Clone)]
pub enum Change {
    /// Of a pod.
    Pod(Option<Arc<Pod>>, Option<Arc<Pod>>),
    /// Of a node.
    Node(Option<Arc<Node>>, Option<Arc<Node>>),
    /// Of a service.
    Service(Option<Arc<Service>>, Option<Arc<Service>>),
    /// Of a deployment.
    Deployment(Option<Arc<Deployment>>, Option<Arc<Deployment>>),
    /// Of a replica set.
    ReplicaSet(Option<Arc<ReplicaSet>>, Option<Arc<ReplicaSet>>),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(_, Some(pod)) => {
                let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
                let phase = pod
                    .status
                    .as_ref()
                    .and_then(|status| status.phase.as_deref());
                let going = pod.metadata.deletion_timestamp.is_some();
                write!(f, "on {node:?}, {phase:?}, going: {going}")
            }
            Self::Deployment(_, Some(deployment)) => {
                let (meta, status) = (&deployment.metadata, deployment.status.as_ref());
                let observed = status.and_then(|status| status.observed_generation);
                let spec = deployment.spec.as_ref();
                let (replicas, paused) = (
                    spec.and_then(|spec| spec.replicas),
                    spec.and_then(|spec| spec.paused),
                );
                write!(
                    f,
                    "generation {:?}, observed {observed:?}, {replicas:?} pods, paused: {paused:?}",
                    meta.generation
                )
            }
            Self::ReplicaSet(_, Some(set)) => {
                let replicas = set.spec.as_ref().and_then(|spec| spec.replicas);
                let status = set.status.as_ref();
                let (there, ready) = (
                    status.map(|status| status.replicas),
                    status.and_then(|status| status.available_replicas),
                );
                write!(f, "{replicas:?} pods, {there:?} there, {ready:?} available")
            }
            Self::Node(_, Some(_)) | Self::Service(_, Some(_)) => f.write_str("written"),
            _ => f.write_str("gone"),
        }
    }
}

/// What must hold at every revision.
pub trait Invariant {
    /// Sees a change, and the state after it.
    ///
    /// # Errors
    /// What does not hold.
    fn see(&mut self, change: &Change, state: &State) -> Result<(), String>;
}

/// It.
pub struct Witness {
    store: Arc<Memory>,
    watches: Vec<Box<dyn Watch>>,
    seen: Revision,
    state: State,
    invariants: Vec<Box<dyn Invariant>>,
    /// What has happened of late, a line each.
    story: VecDeque<String>,
    /// All that has happened.
    history: DefaultHasher,
}

impl Witness {
    /// Sees all that happens from the beginning of the store on.
    ///
    /// # Errors
    /// The beginning is forgotten.
    pub fn new(
        store: Arc<Memory>,
        invariants: Vec<Box<dyn Invariant>>,
    ) -> navarch_store::Result<Self> {
        let watches = BUCKETS.iter().map(|prefix| store.watch(prefix, 0));
        let watches = watches.collect::<navarch_store::Result<_>>()?;
        Ok(Self {
            store,
            watches,
            seen: 0,
            state: State::default(),
            invariants,
            story: VecDeque::new(),
            history: DefaultHasher::new(),
        })
    }

    /// The cluster as it was seen last.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What has happened of late.
    pub fn story(&self) -> String {
        told(&self.story)
    }

    /// A number that two histories share which are the same to the last byte.
    pub fn digest(&self) -> u64 {
        self.history.finish()
    }

    /// Looks at what has happened since.
    ///
    /// # Errors
    /// What did not hold, and at which revision.
    pub fn look(&mut self) -> Result<(), String> {
        let now = self.store.snapshot().revision();
        let mut events: Vec<Arc<Event>> = Vec::new();
        for watch in &mut self.watches {
            // Everything is published before a commit is answered, and nobody commits meanwhile.
            while watch.progress() < now {
                let read = watch.next(&mut events, BATCH).now_or_never();
                let read = read.ok_or("a watch has not seen what the store has")?;
                read.map_err(|error| format!("a watch lost its place: {error}"))?;
            }
        }
        events.sort_by_key(|event| event.revision);
        for event in events {
            self.see(&event)?;
        }
        Ok(())
    }

    fn see(&mut self, event: &Event) -> Result<(), String> {
        let revision = event.revision;
        if revision < self.seen {
            return Err(format!("revision {revision} came after {}", self.seen));
        }
        self.seen = revision;
        (revision, &event.entry.key, &event.entry.value).hash(&mut self.history);
        let Some(change) = self.state.take(event) else {
            return Err(format!("{} at {revision} cannot be read", event.entry.key));
        };
        self.story
            .push_back(format!("{revision} {} {change}", event.entry.key));
        if self.story.len() > STORY {
            self.story.pop_front();
        }
        for invariant in &mut self.invariants {
            let held = invariant.see(&change, &self.state);
            held.map_err(|why| {
                let story = told(&self.story);
                format!(
                    "at revision {revision}, {}: {why}\n{story}",
                    event.entry.key
                )
            })?;
        }
        Ok(())
    }
}

fn told(story: &VecDeque<String>) -> String {
    let lines: Vec<&str> = story.iter().map(String::as_str).collect();
    lines.join("\n")
}

impl State {
    /// Takes an event in. `None`: it cannot be read.
    fn take(&mut self, event: &Event) -> Option<Change> {
        let (bucket, _) = event.entry.key.split_once('/')?;
        Some(match bucket {
            "pods" => {
                let (before, after) = put(&mut self.pods, event)?;
                Change::Pod(before, after)
            }
            "nodes" => {
                let (before, after) = put(&mut self.nodes, event)?;
                Change::Node(before, after)
            }
            "services" => {
                let (before, after) = put(&mut self.services, event)?;
                Change::Service(before, after)
            }
            "deployments.apps" => {
                let (before, after) = put(&mut self.deployments, event)?;
                Change::Deployment(before, after)
            }
            _ => {
                let (before, after) = put(&mut self.replica_sets, event)?;
                Change::ReplicaSet(before, after)
            }
        })
    }
}

type BeforeAndAfter<T> = (Option<Arc<T>>, Option<Arc<T>>);

fn put<T: serde::de::DeserializeOwned>(
    all: &mut BTreeMap<String, Arc<T>>,
    event: &Event,
) -> Option<BeforeAndAfter<T>> {
    let key = event.entry.key.to_string();
    if event.kind == EventKind::Delete {
        return Some((all.remove(&key), None));
    }
    let object: Arc<T> = Arc::new(serde_json::from_slice(&event.entry.value).ok()?);
    let before = all.insert(key, object.clone());
    Some((before, Some(object)))
}
