//! The status of a container.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    Container, ContainerState as State, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, ResourceRequirements, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_machinery::time::seconds;
use navarch_runtime::cri::{ContainerRecord, ContainerState};

use super::status::{self, Waiting};
use super::view::{View, exit_code, is_replaced};
use super::{IMAGE_NAME, IMAGE_REF, time_of};
use crate::allocation::read_note;
use crate::spec;

/// A container's id as the API has it.
pub(super) fn container_id(id: &str) -> String {
    format!("navarch://{id}")
}

/// Which of a pod's containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Those that run before the regular ones, and sidecars.
    Init,
    /// Those that the pod is there for.
    Regular,
    /// Those that were added to look around; they are never ready.
    Ephemeral,
}

/// The statuses of these containers of the pod: init containers in the order of the spec, others by name, as the kubelet has them.
pub(super) fn statuses(
    view: &View<'_>,
    waiting: &Waiting,
    containers: &[Container],
    kind: Kind,
) -> Vec<ContainerStatus> {
    let mut all: Vec<_> = containers
        .iter()
        .map(|c| one(view, waiting, c, kind))
        .collect();
    if kind != Kind::Init {
        all.sort_by(|a, b| a.name.cmp(&b.name));
    }
    all
}

fn one(view: &View<'_>, waiting: &Waiting, container: &Container, kind: Kind) -> ContainerStatus {
    if let Some(before) = between(view, waiting, container) {
        return before.clone();
    }
    let mut status = match view.actual.latest(&container.name) {
        Some(record) => recorded(view, container, record, kind),
        None => unrecorded(view, container, kind),
    };
    if kind == Kind::Ephemeral {
        (status.ready, status.started) = (false, None);
    }
    if let Some((reason, message)) = waiting.get(&container.name) {
        if status
            .state
            .as_ref()
            .is_some_and(|s| s.terminated.is_some())
        {
            status.last_state = status.state.take();
        }
        status.state = Some(waits(reason, message));
    }
    status
}

/// What was told of a container that another is about to take the place of. As with the kubelet, which tells nothing between the end of
/// the one and the start of the other: a pod stays ready through it, unless its next container is held up.
fn between<'a>(
    view: &View<'a>,
    waiting: &Waiting,
    container: &Container,
) -> Option<&'a ContainerStatus> {
    let name = &container.name;
    let ended = |record: &Arc<ContainerRecord>| is_replaced(record) && exit_code(record).is_some();
    let latest = view.actual.latest(name)?;
    let is_next = latest.state == ContainerState::Created;
    let replaced = ended(latest) || (is_next && view.actual.previous(name).is_some_and(ended));
    let goes_on = view.pod.metadata.deletion_timestamp.is_none() && !waiting.contains_key(name);
    let before = status::before(view.pod, name)?;
    let ran = before.state.as_ref().is_some_and(|s| s.running.is_some());
    (replaced && goes_on && ran).then_some(before)
}

fn waits(reason: &str, message: &str) -> State {
    let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
    State {
        waiting: Some(ContainerStateWaiting {
            reason: text(reason),
            message: text(message),
        }),
        ..State::default()
    }
}

/// A container that was not made yet, or whose records are gone.
fn unrecorded(view: &View<'_>, container: &Container, kind: Kind) -> ContainerStatus {
    let reason = if spec::init_containers(view.pod).is_empty() {
        "ContainerCreating"
    } else {
        "PodInitializing"
    };
    let mut status = ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        state: Some(waits(reason, "")),
        last_state: Some(State::default()),
        started: Some(false),
        volume_mounts: volume_mounts(container),
        ..ContainerStatus::default()
    };
    let Some(before) = status::before(view.pod, &container.name) else {
        return status;
    };
    match before.state.as_ref() {
        Some(state) if state.terminated.is_some() => return before.clone(),
        // It does not start again, so this is how it ended; its id says that it ran.
        Some(state) if state.running.is_some() && kind == Kind::Ephemeral => {
            let mut ended = before.clone();
            ended.state = Some(State {
                terminated: Some(ContainerStateTerminated {
                    container_id: before.container_id.clone(),
                    ..lost()
                }),
                ..State::default()
            });
            return ended;
        }
        Some(state) if state.running.is_some() => {
            status.last_state = Some(State {
                terminated: Some(lost()),
                ..State::default()
            });
            let restarted = i32::from(view.pod.metadata.deletion_timestamp.is_none());
            status.restart_count = before.restart_count.saturating_add(restarted);
        }
        _ => {
            // One that waited for its next start, after a container that is no more.
            let restarted = i32::from(before.container_id.is_some());
            status.restart_count = before.restart_count.saturating_add(restarted);
            status.last_state.clone_from(&before.last_state);
        }
    }
    status
}

fn lost() -> ContainerStateTerminated {
    ContainerStateTerminated {
        reason: Some("ContainerStatusUnknown".into()),
        message: Some("The container could not be located when the pod was deleted.  The container used to be Running".into()),
        exit_code: 137,
        ..ContainerStateTerminated::default()
    }
}

fn recorded(
    view: &View<'_>,
    container: &Container,
    record: &Arc<ContainerRecord>,
    kind: Kind,
) -> ContainerStatus {
    let note = |key: &str| record.config.annotations.get(key).cloned();
    let started = view.started(container, record);
    let plain_init = kind == Kind::Init && !spec::restartable(container);
    let requests = container
        .resources
        .as_ref()
        .and_then(|r| r.requests.clone());
    let previous = view
        .actual
        .previous(&container.name)
        .filter(|p| exit_code(p).is_some());
    ContainerStatus {
        name: container.name.clone(),
        image: note(IMAGE_NAME)
            .or_else(|| container.image.clone())
            .unwrap_or_default(),
        image_id: note(IMAGE_REF).unwrap_or_else(|| record.image_id.clone()),
        container_id: Some(container_id(&record.id)),
        restart_count: i32::try_from(record.config.attempt).unwrap_or(i32::MAX),
        started: Some(!plain_init && started),
        ready: if plain_init {
            status::succeeded(record)
        } else {
            view.ready(container, record)
        },
        state: Some(state(view, record)),
        last_state: Some(previous.map_or_else(State::default, |p| ended(view, p))),
        volume_mounts: volume_mounts(container),
        allocated_resources: requests,
        resources: Some(resources(container, record)),
        ..ContainerStatus::default()
    }
}

/// What a container that runs has; else what it is to have.
fn resources(container: &Container, record: &ContainerRecord) -> ResourceRequirements {
    let has = match record.state {
        ContainerState::Running => read_note(&record.config.annotations),
        _ => None,
    };
    has.unwrap_or_else(|| container.resources.clone())
        .unwrap_or_default()
}

fn state(view: &View<'_>, record: &ContainerRecord) -> State {
    match record.state {
        ContainerState::Created => {
            let init = !spec::init_containers(view.pod).is_empty();
            waits(
                if init {
                    "PodInitializing"
                } else {
                    "ContainerCreating"
                },
                "",
            )
        }
        ContainerState::Running => {
            let running = ContainerStateRunning {
                started_at: time(record.started_at),
            };
            State {
                running: Some(running),
                ..State::default()
            }
        }
        ContainerState::Exited | ContainerState::Unknown => ended(view, record),
    }
}

fn ended(view: &View<'_>, record: &ContainerRecord) -> State {
    let exit = record.exit.clone().unwrap_or_default();
    let unknown = record.state == ContainerState::Unknown;
    let reason = match exit.reason.as_str() {
        _ if unknown => "ContainerStatusUnknown",
        "" if exit.oom_killed => "OOMKilled",
        "" if exit.code == 0 => "Completed",
        "" => "Error",
        reason => reason,
    };
    let left = view
        .history
        .messages
        .get(&record.id)
        .filter(|m| !m.is_empty())
        .cloned();
    let message = left.or_else(|| (!exit.message.is_empty()).then(|| exit.message.clone()));
    let terminated = ContainerStateTerminated {
        container_id: Some(container_id(&record.id)),
        exit_code: exit_code(record).unwrap_or(exit.code),
        signal: None,
        reason: Some(reason.to_owned()),
        message,
        // One that never started has started with the epoch.
        started_at: Some(seconds(time_of(record.started_at))),
        finished_at: time(record.finished_at),
    };
    State {
        terminated: Some(terminated),
        ..State::default()
    }
}

fn time(nanoseconds: i64) -> Option<Time> {
    (nanoseconds > 0).then(|| seconds(time_of(nanoseconds)))
}

fn volume_mounts(container: &Container) -> Option<Vec<VolumeMountStatus>> {
    let mounts = container
        .volume_mounts
        .as_deref()
        .filter(|m| !m.is_empty())?;
    let told = mounts.iter().map(|mount| {
        let readonly = mount.read_only == Some(true);
        let recursive = matches!(mount.recursive_read_only.as_deref(), Some("Enabled"));
        VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only: readonly.then_some(true),
            recursive_read_only: readonly.then(|| {
                if recursive {
                    "Enabled".into()
                } else {
                    "Disabled".into()
                }
            }),
            ..VolumeMountStatus::default()
        }
    });
    Some(told.collect())
}
