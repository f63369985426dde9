//! Other limits for what runs.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Pod;
use navarch_client::EventType;
use navarch_runtime::cri::{ContainerRecord, Resources};

use super::Worker;
use crate::lifecycle::{Resizing, resize_told};
use crate::{allocation, resources, spec};

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// A container, its limits to be, and the note of what it was given.
type Change<'a> = (&'a ContainerRecord, Resources, (String, String));

impl Worker {
    /// Changes the limits and queues the pod.
    pub(super) async fn resize(
        &self,
        uid: String,
        pod: Arc<Pod>,
        sandbox: String,
        containers: Vec<String>,
        generation: i64,
    ) {
        let result = self.try_resize(&uid, &pod, &sandbox, &containers).await;
        let now = self.clock.now();
        let (error, retry_at) = match result {
            Ok(()) => (String::new(), None),
            Err(error) => {
                let wait = SignedDuration::try_from(RETRY).unwrap_or(SignedDuration::ZERO);
                (error, now.checked_add(wait).ok())
            }
        };
        let done = Resizing {
            generation,
            error: error.clone(),
            retry_at,
        };
        let mut news = false;
        self.memories.change(&uid, |history| {
            history.changing = false;
            let current = match &history.resizing {
                // Another was given meanwhile, or nobody waits for what is done.
                Some(other) => other.generation == generation,
                None => !error.is_empty(),
            };
            if !current {
                return;
            }
            let before = history.resizing.replace(done);
            news = !error.is_empty() && before.is_none_or(|r| r.error != error);
        });
        if news {
            let message = resize_told("error", &pod, generation, &error);
            self.events
                .event(&*pod, EventType::Warning, "ResizeError", message);
        }
        self.queue.add(uid);
    }

    /// Says that what runs has what it was given, unless it was given something else meanwhile.
    pub(super) fn resized(&self, uid: &str, pod: &Pod, generation: i64) {
        self.memories.change(uid, |h| {
            h.resizing.take_if(|r| r.generation == generation);
        });
        let message = resize_told("completed", pod, generation, "");
        self.events
            .event(pod, EventType::Normal, "ResizeCompleted", message);
    }

    /// The pod's own limits are widened before and narrowed after those of its containers, so that none is ever beyond them.
    async fn try_resize(
        &self,
        uid: &str,
        pod: &Pod,
        sandbox: &str,
        containers: &[String],
    ) -> Result<(), String> {
        let actual = self.view.of_pod(uid);
        let Some(before) = actual.ready_sandbox().filter(|s| s.id == sandbox) else {
            return Ok(());
        };
        let before = before.config.resources.clone();
        let wanted = resources::pod_resources(pod);
        let node_memory = self.capacity.lock().memory;
        let changes: Vec<Change<'_>> = containers
            .iter()
            .filter_map(|name| {
                let record = actual.latest_in(sandbox, name)?;
                let container = spec::container(pod, name)?;
                let resources = resources::container_resources(pod, &container, node_memory);
                let note = allocation::note(container.resources.as_ref());
                Some((&**record, resources, note))
            })
            .collect();
        self.check_memory(uid, &before, &wanted, &changes).await?;
        let note = allocation::note(spec::spec(pod).resources.as_ref());
        let result = self
            .set_limits(sandbox, before.widest(&wanted), changes, (wanted, note))
            .await;
        // Whether all went well or not: what is known is what there is.
        self.view.reload_sandbox(&*self.runtime, sandbox).await;
        result.map_err(|error| error.to_string())
    }

    async fn set_limits(
        &self,
        sandbox: &str,
        widest: Resources,
        changes: Vec<Change<'_>>,
        (wanted, note): (Resources, (String, String)),
    ) -> navarch_runtime::cri::Result<()> {
        let runtime = &*self.runtime;
        runtime.update_sandbox(sandbox, widest, [].into()).await?;
        for (record, resources, note) in changes {
            let result = runtime
                .update_container(&record.id, resources, [note].into())
                .await;
            self.view.reload_container(runtime, &record.id).await;
            result?;
        }
        runtime.update_sandbox(sandbox, wanted, [note].into()).await
    }

    /// Refuses to take memory away that is in use: the kernel would kill for it.
    async fn check_memory(
        &self,
        uid: &str,
        before: &Resources,
        wanted: &Resources,
        changes: &[Change<'_>],
    ) -> Result<(), String> {
        let narrows = |old: i64, new: i64| new > 0 && (old <= 0 || new < old);
        let narrowed = |record: &ContainerRecord| {
            let change = changes.iter().find(|(changed, ..)| changed.id == record.id);
            let new = change?.1.memory_limit;
            narrows(record.config.resources.memory_limit, new).then_some(new)
        };
        let all = narrows(before.memory_limit, wanted.memory_limit);
        if !all
            && changes
                .iter()
                .all(|(record, ..)| narrowed(record).is_none())
        {
            return Ok(());
        }
        let (mut used, mut errors) = (0u64, Vec::new());
        for record in &self.view.of_pod(uid).containers {
            let usage = self.runtime.container_usage(&record.id).await;
            let Some((memory, _)) = usage.map_err(|error| error.to_string())? else {
                continue;
            };
            used = used.saturating_add(memory);
            if let Some(limit) = narrowed(record)
                && memory >= limit.unsigned_abs()
            {
                errors.push(format!(
                    "attempting to set container {:?} memory limit ({limit}) below current usage ({memory})",
                    record.config.name
                ));
            }
        }
        if all && used >= wanted.memory_limit.unsigned_abs() {
            let error = format!(
                "attempting to set pod memory limit ({}) below current usage ({used})",
                wanted.memory_limit
            );
            errors.insert(0, error);
        }
        match errors.as_slice() {
            [] => Ok(()),
            [error] => Err(format!("cannot decrease memory limits: {error}")),
            several => Err(format!(
                "cannot decrease memory limits: [{}]",
                several.join(", ")
            )),
        }
    }
}
