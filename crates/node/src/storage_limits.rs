//! Limits of ephemeral storage, and who goes over theirs.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use navarch_machinery::quantity::Quantity as Exact;

use crate::quantity::units;
use crate::worker::Worker;
use crate::{log_files, spec};

/// How often sizes are looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// Looking takes at most one part in so many of the time: a pod may have millions of files.
const SHARE: u32 = 20;

/// Puts pods out that use more of the disk than they may, for ever.
pub(crate) async fn watch(worker: &Worker) {
    loop {
        let began = tokio::time::Instant::now();
        for pod in worker.running_pods() {
            let message = match worker.volumes.over_limit(&pod).await {
                None => over_limit(worker, &pod).await,
                message => message,
            };
            if let Some(message) = message {
                worker.evict(spec::uid(&pod), message);
            }
        }
        let took = began.elapsed();
        tokio::time::sleep(INTERVAL.max(took.saturating_mul(SHARE))).await;
    }
}

/// What to tell of a pod that goes over the limit of one of its containers, or of all together. Pods without limits cost nothing.
async fn over_limit(worker: &Worker, pod: &Pod) -> Option<String> {
    let total = total_limit(pod)?;
    let mut used = worker.volumes.disk_usage(pod).await;
    for record in &worker.view.of_pod(spec::uid(pod)).containers {
        let written = worker.runtime.container_disk_usage(&record.id).await;
        let directory =
            worker
                .options
                .log_dir(spec::namespace(pod), spec::name(pod), spec::uid(pod));
        let logs = log_files::size(&directory.join(&record.config.log_path)).await;
        let here = written.unwrap_or(0).saturating_add(logs);
        used = used.saturating_add(here);
        let regular = spec::containers(pod)
            .iter()
            .find(|c| c.name == record.config.name);
        if let Some(limit) = regular.and_then(limit)
            && exceeds(here, limit)
        {
            return Some(format!(
                "Container {} exceeded its local ephemeral storage limit {:?}. ",
                record.config.name, limit.0
            ));
        }
    }
    (used > u64::try_from(total.value()).unwrap_or(0)).then(|| {
        format!("Pod ephemeral local storage usage exceeds the total limit of containers {total}. ")
    })
}

fn limit(container: &Container) -> Option<&Quantity> {
    let limits = container.resources.as_ref()?.limits.as_ref()?;
    limits
        .get("ephemeral-storage")
        .filter(|limit| units(limit).is_some_and(|most| most > 0))
}

fn exceeds(used: u64, limit: &Quantity) -> bool {
    units(limit).is_some_and(|most| used > most.unsigned_abs())
}

/// The sum of the limits of regular containers; `None` where none has one.
fn total_limit(pod: &Pod) -> Option<Exact> {
    spec::containers(pod)
        .iter()
        .filter_map(|container| Exact::parse(&limit(container)?.0).ok())
        .reduce(|sum, limit| sum + limit)
}
