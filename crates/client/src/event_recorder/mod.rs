//! Events: what a component tells people of what it did to an object.

mod correlation;
#[cfg(test)]
mod tests;
mod writer;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::repeat_n;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use navarch_machinery::object::Object;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

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
/// How long an event waits before it is written: what it tells of is told to the API first, and does not wait for the event's sync.
const LINGER: Duration = Duration::from_millis(50);
/// The longest that a flush waits.
const FLUSH: Duration = Duration::from_secs(2);
/// The longest message: Kubernetes' limit.
const MESSAGE_BYTES: usize = 1024;

/// Writes events in the background. Cheap to clone.
#[derive(Clone)]
pub struct EventRecorder {
    lanes: Arc<[mpsc::Sender<Told>]>,
    component: Arc<str>,
    host: Arc<str>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Same {
    uid: String,
    field_path: String,
    kind: EventType,
    reason: String,
    message: String,
}

/// What a lane is told.
enum Told {
    /// To write an event.
    Event(Box<Pending>),
    /// To say, not before the given time, that all that was told before is written.
    Flush(Instant, oneshot::Sender<()>),
}

struct Pending {
    same: Same,
    about: ObjectReference,
    at: Timestamp,
    due: Instant,
}

impl EventRecorder {
    /// A recorder for `component` (`deployment-controller`, `kubelet`) on `host` (empty for none).
    pub fn start(client: Client, component: &str, host: &str, clock: Arc<dyn Clock>) -> Self {
        let (component, host): (Arc<str>, Arc<str>) = (component.into(), host.into());
        let lane = |client| {
            let (sender, receiver) = mpsc::channel(WAITING);
            tokio::spawn(writer::write_all(
                client,
                receiver,
                component.clone(),
                host.clone(),
            ));
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
            due: Instant::now() + LINGER,
        };
        let lane = lane_of(&pending.same.uid);
        if self.lanes[lane]
            .try_send(Told::Event(Box::new(pending)))
            .is_err()
        {
            tracing::warn!(component = %self.component, host = %self.host, reason, "too many events wait; one is dropped");
        }
    }
}

impl EventRecorder {
    /// Waits until all events that were told are written, with those that others have told at the same time: a process that is about
    /// to end loses none. Waits only so long.
    pub async fn flush(&self) {
        let written = self.lanes.iter().map(|lane| async {
            let (sender, receiver) = oneshot::channel();
            let flush = Told::Flush(Instant::now() + LINGER, sender);
            if lane.send(flush).await.is_ok() {
                // A lane that is gone has nothing to write.
                let _ = receiver.await;
            }
        });
        if tokio::time::timeout(FLUSH, futures::future::join_all(written))
            .await
            .is_err()
        {
            tracing::warn!(component = %self.component, "events are left unwritten");
        }
    }
}

/// The lane of an object's events.
fn lane_of(uid: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default()
}
