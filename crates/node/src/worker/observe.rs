//! What there is of a pod: its object, or what is left when that is gone; its last words; its probes.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use navarch_runtime::cri::{ContainerRecord, ContainerState};

use super::{BY_UID, Worker};
use crate::container_config::GRACE;
use crate::lifecycle::{PodActual, ProbeKey, ProbeWanted};
use crate::probes::{self, Subject};
use crate::{container_log, spec};

/// A pod, and whether the API does not have it any more.
pub(super) struct Known {
    pub(super) pod: Arc<Pod>,
    pub(super) gone: bool,
}

/// The kubelet's limits for termination messages.
const MESSAGE_BYTES: usize = 4096;
const LOG_BYTES: usize = 2048;
const LOG_LINES: usize = 80;

impl Worker {
    /// The pod as the API wants it. One that the API does not have any more is wanted gone, with what is still known of it.
    pub(super) fn desired(&self, uid: &str) -> Option<Known> {
        let found = self.pods.snapshot().by_index(BY_UID, uid).next().cloned();
        if let Some(pod) = found {
            return Some(Known {
                pod: self.memories.newest(uid, pod),
                gone: false,
            });
        }
        let pod = match self.memories.last_seen(uid) {
            Some(pod) => pod,
            None => Arc::new(orphan(uid, &self.view.of_pod(uid))?),
        };
        if pod.metadata.deletion_timestamp.is_some() {
            self.memories.remember(uid, pod.clone());
            return Some(Known { pod, gone: true });
        }
        let mut pod = (*pod).clone();
        pod.metadata.deletion_timestamp = Some(Time(self.clock.now()));
        pod.metadata.deletion_grace_period_seconds =
            spec::spec(&pod).termination_grace_period_seconds;
        let pod = Arc::new(pod);
        self.memories.remember(uid, pod.clone());
        Some(Known { pod, gone: true })
    }

    /// Reads what containers left as termination messages, once each.
    pub(super) async fn read_messages(&self, uid: &str, pod: &Pod, actual: &PodActual) {
        let known = self.memories.history(uid).messages;
        for record in &actual.containers {
            let ended = matches!(
                record.state,
                ContainerState::Exited | ContainerState::Unknown
            );
            if !ended || known.contains_key(&record.id) {
                continue;
            }
            let message = self.last_words(pod, record).await;
            self.memories.change(uid, |history| {
                history
                    .messages
                    .retain(|id, _| actual.containers.iter().any(|c| c.id == *id));
                history.messages.insert(record.id.clone(), message);
            });
        }
    }

    async fn last_words(&self, pod: &Pod, record: &ContainerRecord) -> String {
        let mut message = match &record.config.termination_message_host_path {
            Some(path) => crate::files::read_beginning(path, MESSAGE_BYTES).await,
            None => String::new(),
        };
        let container = spec::container(pod, &record.config.name);
        let policy = container
            .as_ref()
            .and_then(|c| c.termination_message_policy.as_deref());
        let from_log = policy == Some("FallbackToLogsOnError");
        let failed = record.exit.as_ref().is_some_and(|e| e.code != 0);
        if message.is_empty() && from_log && failed {
            let directory =
                self.options
                    .log_dir(spec::namespace(pod), spec::name(pod), spec::uid(pod));
            message = container_log::tail_text(
                &directory.join(&record.config.log_path),
                LOG_LINES,
                LOG_BYTES,
            )
            .await;
        }
        message
    }

    /// Begins the probes that are wanted and ends the others.
    pub(super) fn probe(self: &Arc<Self>, uid: &str, pod: &Arc<Pod>, wanted: Vec<ProbeWanted>) {
        let keys: Vec<ProbeKey> = wanted.iter().map(|w| w.key.clone()).collect();
        let missing = self.memories.keep_probes(uid, &keys);
        if keys.is_empty() && missing.is_empty() {
            return;
        }
        let pod_ip = self
            .pod_ips(uid, pod)
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        for ProbeWanted { key, container } in
            wanted.into_iter().filter(|w| missing.contains(&w.key))
        {
            let Some(container) = spec::container(pod, &container) else {
                continue;
            };
            let (worker, uid_of, of) = (Arc::downgrade(self), uid.to_owned(), key.clone());
            let report = move |ok: bool| {
                let Some(worker) = worker.upgrade() else {
                    return;
                };
                let mut changed = false;
                worker.memories.change(&uid_of, |h| {
                    changed = h.probes.insert(of.clone(), ok) != Some(ok);
                });
                if changed {
                    worker.queue.add(uid_of.clone());
                }
            };
            let subject = Subject {
                pod: pod.clone(),
                container: container.into_owned(),
                container_id: key.container_id.clone(),
                pod_ip: pod_ip.clone(),
                kind: key.kind,
            };
            let task = tokio::spawn(probes::run(
                subject,
                self.runtime.clone(),
                self.events.clone(),
                report,
            ));
            self.memories.put_probe(uid, key, task.abort_handle());
        }
    }
}

/// A pod of which only its sandbox is left.
fn orphan(uid: &str, actual: &PodActual) -> Option<Pod> {
    let sandbox = actual.sandbox()?;
    let mut names: Vec<&String> = actual.containers.iter().map(|c| &c.config.name).collect();
    names.sort();
    names.dedup();
    let containers = names
        .into_iter()
        .map(|name| Container {
            name: name.clone(),
            ..Container::default()
        })
        .collect();
    let grace = sandbox
        .config
        .annotations
        .get(GRACE)
        .and_then(|g| g.parse().ok());
    let metadata = ObjectMeta {
        name: Some(sandbox.config.name.clone()),
        namespace: Some(sandbox.config.namespace.clone()),
        uid: Some(uid.to_owned()),
        ..ObjectMeta::default()
    };
    let spec = PodSpec {
        containers,
        termination_grace_period_seconds: grace,
        ..PodSpec::default()
    };
    Some(Pod {
        metadata,
        spec: Some(spec),
        ..Pod::default()
    })
}
