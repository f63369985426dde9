//! Events: what a component tells people of what it did to an object.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::repeat_n;
use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use navarch_api::call::PatchKind;
use navarch_machinery::object::Object;
use serde_json::json;
use tokio::sync::mpsc;

use crate::{Client, Clock};

/// Whether an event is an ordinary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// `Normal`.
    Normal,
    /// `Warning`.
    Warning,
}

/// How many events are written at a time. All of one object go one after the other, in their order.
const LANES: usize = 16;
/// Events that wait in a lane to be written; more are dropped: events are for people and must not hold up work.
const WAITING: usize = 256;
/// Events of the same object, type, reason and message that a lane remembers, to count them up instead of writing new ones.
const REMEMBERED: usize = 256;
/// The longest message: Kubernetes' limit.
const MESSAGE_BYTES: usize = 1024;

/// Writes events in the background. Cheap to clone.
#[derive(Clone)]
pub struct EventRecorder {
    lanes: Arc<[mpsc::Sender<Pending>]>,
    component: Arc<str>,
    host: Arc<str>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Same {
    uid: String,
    field_path: String,
    kind: EventType,
    reason: String,
    message: String,
}

struct Pending {
    same: Same,
    about: ObjectReference,
    at: Timestamp,
}

impl EventRecorder {
    /// A recorder for `component` (`deployment-controller`, `kubelet`) on `host` (empty for none).
    pub fn start(client: Client, component: &str, host: &str, clock: Arc<dyn Clock>) -> Self {
        let (component, host): (Arc<str>, Arc<str>) = (component.into(), host.into());
        let lane = |client| {
            let (sender, receiver) = mpsc::channel(WAITING);
            tokio::spawn(write_all(client, receiver, component.clone(), host.clone()));
            sender
        };
        Self {
            lanes: repeat_n(client, LANES).map(lane).collect(),
            component,
            host,
            clock,
        }
    }

    /// Tells of `object`. Never waits.
    pub fn event(
        &self,
        object: &dyn Object,
        kind: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        self.event_at(object, "", kind, reason, message);
    }

    /// Tells of a part of `object`, as `spec.containers{app}`.
    pub fn event_at(
        &self,
        object: &dyn Object,
        field_path: &str,
        kind: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        let metadata = object.metadata();
        let about = ObjectReference {
            api_version: Some(object.api_version().to_owned()),
            kind: Some(object.kind().to_owned()),
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
            uid: metadata.uid.clone(),
            resource_version: metadata.resource_version.clone(),
            field_path: (!field_path.is_empty()).then(|| field_path.to_owned()),
        };
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES {
            let mut end = MESSAGE_BYTES - 3;
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
            message.push_str("...");
        }
        let uid = metadata.uid.clone().unwrap_or_default();
        let same = Same {
            uid,
            field_path: field_path.to_owned(),
            kind,
            reason: reason.to_owned(),
            message,
        };
        let pending = Pending {
            same,
            about,
            at: self.clock.now(),
        };
        let lane = lane_of(&pending.same.uid);
        if self.lanes[lane].try_send(pending).is_err() {
            tracing::warn!(component = %self.component, host = %self.host, reason, "too many events wait; one is dropped");
        }
    }
}

/// The lane of an object's events.
fn lane_of(uid: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default()
}

/// Where an event was written, and how often it was told.
struct Written {
    namespace: String,
    name: String,
    count: i32,
}

async fn write_all(
    client: Client,
    mut events: mpsc::Receiver<Pending>,
    component: Arc<str>,
    host: Arc<str>,
) {
    let capacity = NonZeroUsize::new(REMEMBERED).unwrap_or(NonZeroUsize::MIN);
    let mut written: lru::LruCache<Same, Written> = lru::LruCache::new(capacity);
    while let Some(pending) = events.recv().await {
        if let Some(known) = written.get_mut(&pending.same) {
            known.count = known.count.saturating_add(1);
            let patch = json!({"count": known.count, "lastTimestamp": Time(pending.at)});
            match client
                .patch::<Event>(Some(&known.namespace), &known.name, PatchKind::Merge, patch)
                .await
            {
                Ok(_) => continue,
                Err(error) if error.is_not_found() => {
                    written.pop(&pending.same);
                }
                Err(error) => {
                    tracing::debug!(%error, "an event could not be counted up");
                    continue;
                }
            }
        }
        let event = new_event(&pending, &component, &host);
        let (namespace, name) = (
            event.metadata.namespace.clone(),
            event.metadata.name.clone(),
        );
        match client.create(event).await {
            Ok(_) => {
                let (namespace, name) = (namespace.unwrap_or_default(), name.unwrap_or_default());
                written.put(
                    pending.same,
                    Written {
                        namespace,
                        name,
                        count: 1,
                    },
                );
            }
            Err(error) => {
                tracing::debug!(%error, reason = pending.same.reason, "an event could not be written");
            }
        }
    }
}

fn new_event(pending: &Pending, component: &str, host: &str) -> Event {
    let about = &pending.about;
    // As client-go names them: the object's name and the time in hexadecimal nanoseconds.
    let name = format!(
        "{}.{:x}",
        about.name.as_deref().unwrap_or("unknown"),
        pending.at.as_nanosecond()
    );
    let namespace = about.namespace.clone().unwrap_or_else(|| "default".into());
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace),
            ..Default::default()
        },
        involved_object: about.clone(),
        type_: Some(
            if pending.same.kind == EventType::Normal {
                "Normal"
            } else {
                "Warning"
            }
            .into(),
        ),
        reason: Some(pending.same.reason.clone()),
        message: Some(pending.same.message.clone()),
        source: Some(EventSource {
            component: Some(component.to_owned()),
            host: (!host.is_empty()).then(|| host.to_owned()),
        }),
        reporting_component: Some(component.to_owned()),
        reporting_instance: Some(host.to_owned()),
        first_timestamp: Some(Time(pending.at)),
        last_timestamp: Some(Time(pending.at)),
        event_time: None::<MicroTime>,
        count: Some(1),
        ..Default::default()
    }
}
