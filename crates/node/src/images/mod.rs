//! Images for containers: when they are pulled, by whom, and how often a pull is tried.

mod credentials;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use navarch_client::{Clock, EventRecorder, EventType};
use navarch_runtime::cri::{Error, Image, Runtime};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::lifecycle::StartFailure;
use crate::objects::Objects;
use crate::spec;

/// The kubelet's: 10 s, doubling, at most 5 min.
const INITIAL: Duration = Duration::from_secs(10);
const MAX: Duration = Duration::from_secs(300);
/// An image that is never there is looked for again so often.
const NEVER_PULL_AGAIN: Duration = Duration::from_secs(10);
/// Images whose pulls failed that are remembered.
const REMEMBERED: usize = 4096;

/// Gets images.
pub(crate) struct Images {
    runtime: Arc<dyn Runtime>,
    objects: Objects,
    events: EventRecorder,
    clock: Arc<dyn Clock>,
    pulling: Semaphore,
    failed: Mutex<HashMap<(String, String), Duration>>,
}

impl Images {
    pub(crate) fn new(
        runtime: Arc<dyn Runtime>,
        objects: Objects,
        events: EventRecorder,
        clock: Arc<dyn Clock>,
        parallel: usize,
    ) -> Self {
        let (pulling, failed) = (Semaphore::new(parallel.max(1)), Mutex::default());
        Self {
            runtime,
            objects,
            events,
            clock,
            pulling,
            failed,
        }
    }

    /// The image of a container, pulled if its policy says so.
    pub(crate) async fn ensure(
        &self,
        pod: &Pod,
        container: &Container,
    ) -> Result<Image, StartFailure> {
        let reference = container.image.as_deref().unwrap_or("");
        let tell = Teller {
            events: &self.events,
            pod,
            container,
        };
        let policy = policy(container);
        let present = self.runtime.image(reference).await.map_err(|error| {
            let reason = if matches!(error, Error::InvalidImageName { .. }) {
                "InvalidImageName"
            } else {
                "ImageInspectError"
            };
            let message = match reason {
                "InvalidImageName" => {
                    format!("Failed to apply default image tag {reference:?}: {error}")
                }
                _ => format!("Failed to inspect image {reference:?}: {error}"),
            };
            tell.tell(EventType::Warning, "InspectFailed", message.clone());
            tell.tell(EventType::Warning, "Failed", format!("Error: {reason}"));
            self.failure(reason, message, NEVER_PULL_AGAIN)
        })?;
        match (present, policy) {
            (Some(image), "IfNotPresent" | "Never") => {
                let message = format!(
                    "Container image {reference:?} already present on machine and can be accessed by the pod"
                );
                tell.tell(EventType::Normal, "Pulled", message);
                Ok(image)
            }
            (None, "Never") => {
                let message = format!(
                    "Container image {reference:?} is not present with pull policy of Never"
                );
                tell.tell(EventType::Warning, "ErrImageNeverPull", message.clone());
                tell.tell(
                    EventType::Warning,
                    "Failed",
                    "Error: ErrImageNeverPull".into(),
                );
                Err(self.failure("ErrImageNeverPull", message, NEVER_PULL_AGAIN))
            }
            _ => self.pull(pod, reference, tell).await,
        }
    }

    /// Whether a container can have its image without a pull.
    pub(crate) async fn is_here(&self, container: &Container) -> bool {
        let reference = container.image.as_deref().unwrap_or("");
        policy(container) != "Always" && matches!(self.runtime.image(reference).await, Ok(Some(_)))
    }

    async fn pull(
        &self,
        pod: &Pod,
        reference: &str,
        tell: Teller<'_>,
    ) -> Result<Image, StartFailure> {
        tell.tell(
            EventType::Normal,
            "Pulling",
            format!("Pulling image {reference:?}"),
        );
        let asked = Instant::now();
        let credentials = credentials::for_image(&self.objects, &self.events, pod, reference).await;
        // The semaphore is never closed.
        let _turn = self.pulling.acquire().await;
        let began = Instant::now();
        let key = (spec::uid(pod).to_owned(), reference.to_owned());
        match self.runtime.pull_image(reference, credentials).await {
            Ok(done) => {
                self.failed.lock().remove(&key);
                let (pull, all) = (began.elapsed(), asked.elapsed());
                tell.tell(
                    EventType::Normal,
                    "Pulled",
                    pulled(reference, pull, all, done.image.size),
                );
                Ok(done.image)
            }
            Err(error) => {
                tell.tell(
                    EventType::Warning,
                    "Failed",
                    format!("Failed to pull image {reference:?}: {error}"),
                );
                let reason = if matches!(error, Error::InvalidImageName { .. }) {
                    "InvalidImageName"
                } else {
                    "ErrImagePull"
                };
                tell.tell(EventType::Warning, "Failed", format!("Error: {reason}"));
                let wait = self.back_off(key);
                Err(self.failure(reason, error.to_string(), wait))
            }
        }
    }

    fn back_off(&self, key: (String, String)) -> Duration {
        let mut failed = self.failed.lock();
        if failed.len() >= REMEMBERED {
            failed.clear();
        }
        let wait = failed
            .get(&key)
            .map_or(INITIAL, |last| (*last * 2).min(MAX));
        failed.insert(key, wait);
        wait
    }

    /// Forgets the failures of a pod that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.failed.lock().retain(|(of, _), _| of != uid);
    }

    fn failure(&self, reason: &str, message: String, wait: Duration) -> StartFailure {
        failure(self.clock.now(), reason, message, wait)
    }
}

/// Tells of a container's image.
#[derive(Clone, Copy)]
struct Teller<'a> {
    events: &'a EventRecorder,
    pod: &'a Pod,
    container: &'a Container,
}

impl Teller<'_> {
    fn tell(&self, kind: EventType, reason: &str, message: String) {
        self.events.event_at(
            self.pod,
            &spec::field_path(self.pod, &self.container.name),
            kind,
            reason,
            message,
        );
    }
}

/// A failure that is tried again after a while.
pub(crate) fn failure(
    now: Timestamp,
    reason: &str,
    message: String,
    wait: Duration,
) -> StartFailure {
    let retry_at = now.checked_add(wait).unwrap_or(now);
    StartFailure {
        reason: reason.to_owned(),
        message,
        at: now,
        retry_at,
    }
}

/// The policy; where none is given, `Always` for `latest`.
fn policy(container: &Container) -> &str {
    let image = container.image.as_deref().unwrap_or("");
    let name = image.rsplit('/').next().unwrap_or(image);
    let latest = !name.contains('@') && (!name.contains(':') || name.ends_with(":latest"));
    match container
        .image_pull_policy
        .as_deref()
        .filter(|p| !p.is_empty())
    {
        Some(policy) => policy,
        None if latest => "Always",
        None => "IfNotPresent",
    }
}

fn pulled(reference: &str, pull: Duration, all: Duration, size: u64) -> String {
    let (pull, all) = (go_duration(pull), go_duration(all));
    format!(
        "Successfully pulled image {reference:?} in {pull} ({all} including waiting). Image size: {size} bytes."
    )
}

/// As Go writes a duration in whole milliseconds.
fn go_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds < 1000 {
        return format!("{milliseconds}ms");
    }
    let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000);
    let seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    if minutes > 0 {
        format!("{minutes}m{seconds}s")
    } else {
        format!("{seconds}s")
    }
}
