//! A lane: writes events one after the other, and counts up those that were written before.

use std::num::NonZeroUsize;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Event, EventSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use lru::LruCache;
use navarch_api::call::PatchKind;
use serde_json::json;
use tokio::sync::mpsc;

use super::correlation::{Correlation, Verdict};
use super::{EventType, Pending, Same, Told};
use crate::Client;

/// What a lane remembers of events, objects and reasons, of each so many.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Where an event was written, and how often it was told.
struct Written {
    namespace: String,
    name: String,
    count: i32,
}

/// Writes what comes until no recorder is left.
pub(super) async fn write_all(
    client: Client,
    mut told: mpsc::Receiver<Told>,
    component: Arc<str>,
    host: Arc<str>,
) {
    let mut lane = Lane {
        client,
        component,
        host,
        correlation: Correlation::new(REMEMBERED),
        written: LruCache::new(REMEMBERED),
    };
    while let Some(told) = told.recv().await {
        let pending = match told {
            Told::Event(pending) => pending,
            Told::Flush(due, done) => {
                tokio::time::sleep_until(due).await;
                // Who asked may have stopped waiting.
                let _ = done.send(());
                continue;
            }
        };
        tokio::time::sleep_until(pending.due).await;
        match lane.correlation.judge(pending.at, pending.same.clone()) {
            Verdict::Write(same) => {
                let message = same.message.clone();
                lane.write(&pending, same, &message).await;
            }
            Verdict::Combine(all, message) => lane.write(&pending, all, &message).await,
            Verdict::Drop => {
                tracing::debug!(
                    reason = pending.same.reason,
                    "an object has too many events"
                );
            }
        }
    }
}

struct Lane {
    client: Client,
    component: Arc<str>,
    host: Arc<str>,
    correlation: Correlation,
    written: LruCache<Same, Written>,
}

impl Lane {
    async fn write(&mut self, pending: &Pending, same: Same, message: &str) {
        if self.count_up(pending, &same, message).await {
            return;
        }
        let event = new_event(pending, message, &self.component, &self.host);
        let (namespace, name) = (
            event.metadata.namespace.clone().unwrap_or_default(),
            event.metadata.name.clone().unwrap_or_default(),
        );
        match self.client.create(event).await {
            Ok(_) => {
                let written = Written {
                    namespace,
                    name,
                    count: 1,
                };
                self.written.put(same, written);
            }
            Err(error) => {
                tracing::debug!(%error, reason = same.reason, "an event could not be written");
            }
        }
    }

    /// Counts an event up; `false`: it is not there (any more).
    async fn count_up(&mut self, pending: &Pending, same: &Same, message: &str) -> bool {
        let Some(known) = self.written.get_mut(same) else {
            return false;
        };
        known.count = known.count.saturating_add(1);
        let patch =
            json!({"count": known.count, "lastTimestamp": Time(pending.at), "message": message});
        let patched = self
            .client
            .patch::<Event>(Some(&known.namespace), &known.name, PatchKind::Merge, patch)
            .await;
        match patched {
            Ok(_) => true,
            Err(error) if error.is_not_found() => {
                self.written.pop(same);
                false
            }
            Err(error) => {
                tracing::debug!(%error, "an event could not be counted up");
                true
            }
        }
    }
}

fn new_event(pending: &Pending, message: &str, component: &str, host: &str) -> Event {
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
        message: Some(message.to_owned()),
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
