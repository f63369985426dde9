//! A pod's row as `kubectl get pods` shows it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerStateTerminated, ContainerStatus, Pod, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

use super::absent::{flag, items, text};
use super::totals::is_sidecar;
use crate::cell;

/// The cells: name, ready, status, restarts, age; and wide address, node, nominated node, readiness gates.
pub(super) fn cells(pod: &Pod, now: Timestamp) -> Vec<Value> {
    let summary = Summary::of(pod);
    let restarts = match &summary.last_restart {
        Some(time) if summary.restarts != 0 => format!(
            "{} ({} ago)",
            summary.restarts,
            cell::since(Some(time), now)
        ),
        _ => summary.restarts.to_string(),
    };
    let none = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&none);
    let or_none = |value: &str| Value::from(if value.is_empty() { "<none>" } else { value });
    let node = pod.spec.as_ref().map_or("", |spec| text(&spec.node_name));
    vec![
        cell::name(&pod.metadata),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.into(),
        restarts.into(),
        cell::age(&pod.metadata, now),
        or_none(first_ip(status)),
        or_none(node),
        or_none(text(&status.nominated_node_name)),
        readiness_gates(pod, status).into(),
    ]
}

/// The pod's address.
pub(super) fn first_ip(status: &PodStatus) -> &str {
    items(&status.pod_ips)
        .first()
        .map_or(text(&status.pod_ip), |ip| ip.ip.as_str())
}

/// The names and the images of containers, with commas between.
pub(super) fn names_and_images(containers: &[Container]) -> (String, String) {
    let names: Vec<&str> = containers
        .iter()
        .map(|container| container.name.as_str())
        .collect();
    let images: Vec<&str> = containers
        .iter()
        .map(|container| text(&container.image))
        .collect();
    (names.join(","), images.join(","))
}

fn readiness_gates(pod: &Pod, status: &PodStatus) -> String {
    let gates = pod
        .spec
        .as_ref()
        .map_or(&[][..], |spec| items(&spec.readiness_gates));
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates.iter().filter(|gate| {
        let condition = items(&status.conditions)
            .iter()
            .find(|condition| condition.type_ == gate.condition_type);
        condition.is_some_and(|condition| condition.status == "True")
    });
    format!("{}/{}", open.count(), gates.len())
}

/// What the containers come to.
struct Summary {
    ready: usize,
    total: usize,
    reason: String,
    restarts: i32,
    last_restart: Option<Time>,
}

impl Summary {
    fn of(pod: &Pod) -> Self {
        let (no_spec, no_status) = (Default::default(), PodStatus::default());
        let spec = pod.spec.as_ref().unwrap_or(&no_spec);
        let status = pod.status.as_ref().unwrap_or(&no_status);
        let init = items(&spec.init_containers);
        let sidecars = init
            .iter()
            .filter(|container| is_sidecar(container))
            .count();
        let mut summary = Self {
            ready: 0,
            total: spec.containers.len() + sidecars,
            reason: phase(status),
            restarts: 0,
            last_restart: None,
        };
        let initializing = summary.count_init(init, items(&status.init_container_statuses));
        let initialized = items(&status.conditions)
            .iter()
            .find(|condition| condition.type_ == "Initialized");
        if !initializing || initialized.is_some_and(|condition| condition.status == "True") {
            summary.count_main(init, status);
        }
        let phase = text(&status.phase);
        if pod.metadata.deletion_timestamp.is_some() {
            if text(&status.reason) == "NodeLost" {
                summary.reason = "Unknown".to_owned();
            } else if !matches!(phase, "Failed" | "Succeeded") {
                summary.reason = "Terminating".to_owned();
            }
        }
        summary
    }

    fn add_restarts(&mut self, status: &ContainerStatus) {
        self.restarts += status.restart_count;
        let last = status
            .last_state
            .as_ref()
            .and_then(|state| state.terminated.as_ref())
            .and_then(|end| end.finished_at.clone());
        if last.as_ref().map(|time| time.0) > self.last_restart.as_ref().map(|time| time.0) {
            self.last_restart = last;
        }
    }

    /// Counts init containers up to the first that is not done; answers whether there is one.
    fn count_init(&mut self, containers: &[Container], statuses: &[ContainerStatus]) -> bool {
        for (index, status) in statuses.iter().enumerate() {
            self.add_restarts(status);
            let ended = status
                .state
                .as_ref()
                .and_then(|state| state.terminated.as_ref());
            if ended.is_some_and(|end| end.exit_code == 0) {
                continue;
            }
            if has_sidecar(containers, &status.name) && flag(status.started) {
                self.ready += usize::from(status.ready);
                continue;
            }
            let waiting = status
                .state
                .as_ref()
                .and_then(|state| state.waiting.as_ref())
                .map_or("", |waiting| text(&waiting.reason));
            self.reason = match ended {
                Some(end) => format!("Init:{}", end_of(end)),
                None if !matches!(waiting, "" | "PodInitializing") => format!("Init:{waiting}"),
                None => format!("Init:{index}/{}", containers.len()),
            };
            return true;
        }
        false
    }

    /// Counts containers, the first of which is named last and so is heard.
    fn count_main(&mut self, init: &[Container], status: &PodStatus) {
        self.restarts = 0;
        self.last_restart = None;
        for sidecar in items(&status.init_container_statuses)
            .iter()
            .filter(|status| has_sidecar(init, &status.name))
        {
            self.add_restarts(sidecar);
        }
        let mut running = false;
        let mut failure = None;
        for status in items(&status.container_statuses).iter().rev() {
            self.add_restarts(status);
            let Some(state) = &status.state else { continue };
            let waiting = state
                .waiting
                .as_ref()
                .map_or("", |waiting| text(&waiting.reason));
            if !waiting.is_empty() {
                self.reason = waiting.to_owned();
            } else if let Some(end) = &state.terminated {
                self.reason = end_of(end);
                if end.exit_code != 0 {
                    failure = Some(self.reason.clone());
                }
            } else if status.ready && state.running.is_some() {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" {
            let is_ready = items(&status.conditions)
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True");
            if running && is_ready {
                self.reason = "Running".to_owned();
            } else if let Some(failure) = failure {
                self.reason = failure;
            } else if running {
                self.reason = "NotReady".to_owned();
            }
        }
    }
}

fn has_sidecar(containers: &[Container], name: &str) -> bool {
    containers
        .iter()
        .any(|container| container.name == name && is_sidecar(container))
}

/// The phase, unless something says more.
fn phase(status: &PodStatus) -> String {
    let gated = items(&status.conditions).iter().any(|condition| {
        condition.type_ == "PodScheduled" && text(&condition.reason) == "SchedulingGated"
    });
    let reason = text(&status.reason);
    match reason {
        _ if gated => "SchedulingGated".to_owned(),
        "" => text(&status.phase).to_owned(),
        _ => reason.to_owned(),
    }
}

/// How it ended: the reason, or else the signal, or else the exit code.
fn end_of(end: &ContainerStateTerminated) -> String {
    match (text(&end.reason), end.signal.unwrap_or_default()) {
        ("", 0) => format!("ExitCode:{}", end.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}
