//! The plan: actions, the status to tell, the probes to run, and when to look again.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod, PodStatus};
use navarch_runtime::cri::{ContainerRecord, ContainerState};

use super::backoff::go_seconds;
use super::{
    CrashBackoff, History, NodeFacts, PodActual, ProbeKey, ProbeKind, ProbeWanted, Refusal,
};
use super::{IMAGE_ASKED, init, status, terminate, time_of};
use crate::spec;

/// How soon after a failed pull its back-off is shown in place of the failure.
const SHOW_PULL_BACKOFF: SignedDuration = SignedDuration::from_secs(2);

/// Whether an event is an ordinary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// `Normal`.
    Normal,
    /// `Warning`.
    Warning,
}

/// Something to do. Each may be planned again when its outcome did not show, and then does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make volumes, sandbox and network. With `sandbox`, that one is used; else one of this attempt is made.
    SetUp {
        /// Counts the sandboxes of the pod.
        attempt: u32,
        /// A sandbox that has no network yet.
        sandbox: Option<String>,
    },
    /// Pull, create and start a container, and run its postStart hook.
    Start {
        /// Its name.
        container: String,
        /// Where.
        sandbox: String,
        /// Counts the containers of this name.
        attempt: u32,
        /// What holds from now on, if this is a restart.
        backoff: Option<CrashBackoff>,
    },
    /// Run the preStop hook and stop a container.
    Stop {
        /// Its id.
        id: String,
        /// Its name.
        container: String,
        /// What the event says.
        message: String,
        /// For hook and process together.
        grace: Duration,
    },
    /// Remove a container that does not run.
    Remove {
        /// Its id.
        id: String,
    },
    /// Stop the sandboxes, take network and volumes away. Records and logs stay.
    TearDown,
    /// Remove records, logs and directories, and the object from the API if it is being deleted.
    Delete,
    /// Tell people.
    Event {
        /// The container it is about; empty for the pod.
        container: String,
        /// Ordinary or not.
        kind: EventKind,
        /// As `BackOff`.
        reason: &'static str,
        /// For people.
        message: String,
    },
}

impl Action {
    /// Whether it waits until the API was told the status that it was planned with: the object goes only after its last status, and
    /// an event that tells of a new status is told once with it.
    pub fn needs_status_told(&self) -> bool {
        matches!(self, Self::Delete | Self::Event { .. })
    }
}

/// What is to be done for a pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In order.
    pub actions: Vec<Action>,
    /// What the API is to be told; see [`Action::needs_status_told`].
    pub status: PodStatus,
    /// The probes that are to run; all others end.
    pub probes: Vec<ProbeWanted>,
    /// When time alone changes the plan.
    pub wake_at: Option<Timestamp>,
    /// Whether the pod is ending: what is being started is given up.
    pub terminating: bool,
}

/// Says what is to be done for `pod` at `now`. As the kubelet's `syncPod`, `syncTerminatingPod` and `syncTerminatedPod` decide.
pub fn plan(
    now: Timestamp,
    pod: &Pod,
    actual: &PodActual,
    history: &History,
    node: &NodeFacts,
) -> Plan {
    let mut draft = Draft::new(View {
        now,
        pod,
        actual,
        history,
        node,
    });
    let refusal = draft.view.refusal();
    draft.terminating = draft.view.must_end(refusal.as_ref());
    if draft.terminating {
        terminate::terminate(&mut draft, refusal.as_ref());
    } else {
        draft.run();
    }
    draft.want_probes();
    let status = status::status(
        &draft.view,
        &draft.waiting,
        refusal.as_ref(),
        draft.terminating,
    );
    Plan {
        actions: draft.actions,
        status,
        probes: draft.probes,
        wake_at: draft.wake_at,
        terminating: draft.terminating,
    }
}

/// All that is known.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) now: Timestamp,
    pub(super) pod: &'a Pod,
    pub(super) actual: &'a PodActual,
    pub(super) history: &'a History,
    pub(super) node: &'a NodeFacts,
}

/// A plan in the making.
pub(super) struct Draft<'a> {
    pub(super) view: View<'a>,
    pub(super) actions: Vec<Action>,
    /// Why containers wait: reason and message, by name.
    pub(super) waiting: BTreeMap<String, (String, String)>,
    probes: Vec<ProbeWanted>,
    wake_at: Option<Timestamp>,
    terminating: bool,
    start_planned: bool,
}

/// Whether a container runs as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is to be started, or waits to be.
    Pending,
    /// It runs.
    Running,
    /// It ended and is not to run again; holds the exit code.
    Ended(i32),
}

impl View<'_> {
    /// Why the pod may not run (any more), by the node's decision or its deadline.
    fn refusal(&self) -> Option<Refusal> {
        self.history.refusal.clone().or_else(|| {
            (self.deadline()? <= self.now).then(|| Refusal {
                reason: "DeadlineExceeded".into(),
                message: "Pod was active on the node longer than the specified deadline".into(),
                evicted: false,
            })
        })
    }

    fn deadline(&self) -> Option<Timestamp> {
        let seconds = spec::spec(self.pod).active_deadline_seconds?;
        let start = spec::status(self.pod).start_time.as_ref()?;
        start.0.checked_add(SignedDuration::from_secs(seconds)).ok()
    }

    fn must_end(&self, refusal: Option<&Refusal>) -> bool {
        refusal.is_some()
            || self.pod.metadata.deletion_timestamp.is_some()
            || spec::is_terminal(self.pod)
            || self.is_done()
    }

    /// Whether nothing of the pod will run again: it failed to initialize for good, or all regular containers ended for good.
    fn is_done(&self) -> bool {
        let ended = |c: &Container| {
            self.actual
                .latest(&c.name)
                .and_then(|r| ended_for_good(self.pod, c, r))
        };
        let failed =
            |c: &Container| !spec::restartable(c) && ended(c).is_some_and(|code| code != 0);
        let regular = spec::containers(self.pod);
        spec::init_containers(self.pod).iter().any(failed)
            || !regular.is_empty() && regular.iter().all(|c| ended(c).is_some())
    }

    pub(super) fn probe(&self, id: &str, kind: ProbeKind) -> Option<bool> {
        self.history
            .probes
            .get(&ProbeKey {
                container_id: id.to_owned(),
                kind,
            })
            .copied()
    }

    /// Whether a container has started: its postStart hook returned and its startup probe succeeded.
    pub(super) fn started(&self, container: &Container, record: &ContainerRecord) -> bool {
        if record.state != ContainerState::Running || self.is_starting(record) {
            return false;
        }
        container.startup_probe.is_none()
            || self
                .probe(&record.id, ProbeKind::Startup)
                .unwrap_or_else(|| status::was_started(self.pod, record))
    }

    /// Whether a container is ready.
    pub(super) fn ready(&self, container: &Container, record: &ContainerRecord) -> bool {
        self.started(container, record)
            && (container.readiness_probe.is_none()
                || self
                    .probe(&record.id, ProbeKind::Readiness)
                    .unwrap_or_else(|| status::was_ready(self.pod, record)))
    }

    fn is_starting(&self, record: &ContainerRecord) -> bool {
        matches!(&self.history.starting, Some((_, Some(id))) if *id == record.id)
    }
}

/// The exit code, if the container ended and its policy does not have it run again.
pub(super) fn ended_for_good(
    pod: &Pod,
    container: &Container,
    record: &ContainerRecord,
) -> Option<i32> {
    let code = exit_code(record)?;
    (!spec::should_restart(pod, container, code)).then_some(code)
}

/// The exit code of a container that ended.
pub(super) fn exit_code(record: &ContainerRecord) -> Option<i32> {
    match record.state {
        ContainerState::Exited => Some(record.exit.as_ref().map_or(0, |exit| exit.code)),
        // Nobody saw it end; the kubelet tells 137.
        ContainerState::Unknown => Some(137),
        ContainerState::Created | ContainerState::Running => None,
    }
}

impl<'a> Draft<'a> {
    fn new(view: View<'a>) -> Self {
        Self {
            view,
            actions: Vec::new(),
            waiting: BTreeMap::new(),
            probes: Vec::new(),
            wake_at: None,
            terminating: false,
            start_planned: false,
        }
    }

    pub(super) fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    pub(super) fn event(
        &mut self,
        container: &str,
        kind: EventKind,
        reason: &'static str,
        message: String,
    ) {
        self.actions.push(Action::Event {
            container: container.to_owned(),
            kind,
            reason,
            message,
        });
    }

    fn run(&mut self) {
        if let Some(deadline) = self.view.deadline() {
            self.wake(deadline);
        }
        let Some(sandbox) = self.sandbox() else {
            return;
        };
        let initialized = init::initialize(self, &sandbox);
        if initialized {
            for container in spec::containers(self.view.pod) {
                self.keep(container, &sandbox);
            }
        }
        self.collect_old();
    }

    /// The sandbox that containers can run in; plans one where there is none.
    fn sandbox(&mut self) -> Option<String> {
        let View {
            actual,
            history,
            now,
            ..
        } = self.view;
        let ready = actual.ready_sandbox();
        if let (Some(sandbox), Some((attached, _))) = (ready, &history.attached)
            && sandbox.id == *attached
        {
            return Some(sandbox.id.clone());
        }
        if history.setting_up {
            return None;
        }
        if let Some(failure) = &history.set_up_failure
            && failure.retry_at > now
        {
            self.wake(failure.retry_at);
            return None;
        }
        let (attempt, sandbox) = match (ready, actual.sandbox()) {
            (Some(ready), _) => (ready.config.attempt, Some(ready.id.clone())),
            (None, Some(dead)) => {
                let message = "Pod sandbox changed, it will be killed and re-created.".to_owned();
                self.event("", EventKind::Normal, "SandboxChanged", message);
                (dead.config.attempt.saturating_add(1), None)
            }
            (None, None) => (0, None),
        };
        self.actions.push(Action::SetUp { attempt, sandbox });
        None
    }

    /// Sees to it that a container runs in the sandbox, if it is to; the standing is that of now.
    pub(super) fn keep(&mut self, container: &Container, sandbox: &str) -> Standing {
        let Some(record) = self
            .view
            .actual
            .latest_in(sandbox, &container.name)
            .cloned()
        else {
            if self.is_done_elsewhere(container) {
                return Standing::Ended(0);
            }
            self.start(container, sandbox, None);
            return Standing::Pending;
        };
        match record.state {
            ContainerState::Running => {
                self.stop_if_outdated(container, &record);
                Standing::Running
            }
            ContainerState::Created => {
                let starting = self
                    .view
                    .history
                    .starting
                    .as_ref()
                    .is_some_and(|(name, _)| *name == container.name);
                if !starting {
                    // Made by an earlier run of this node that did not come to start it.
                    self.actions.push(Action::Remove {
                        id: record.id.clone(),
                    });
                }
                Standing::Pending
            }
            ContainerState::Exited | ContainerState::Unknown => {
                match ended_for_good(self.view.pod, container, &record) {
                    Some(code) => Standing::Ended(code),
                    None => {
                        self.restart(container, sandbox, &record);
                        Standing::Pending
                    }
                }
            }
        }
    }

    /// Whether a regular container did its work in a sandbox that is gone, and need not do it again in this one.
    fn is_done_elsewhere(&self, container: &Container) -> bool {
        let pod = self.view.pod;
        let last = self.view.actual.latest(&container.name);
        !spec::is_init(pod, &container.name)
            && last.is_some_and(|r| ended_for_good(pod, container, r) == Some(0))
    }

    /// Stops a container whose image is another by now, or that its probes find sick; its restart follows from its end.
    fn stop_if_outdated(&mut self, container: &Container, record: &ContainerRecord) {
        if self.view.history.stopping.contains_key(&record.id) {
            return;
        }
        let asked = record.config.annotations.get(IMAGE_ASKED);
        if asked.is_some_and(|asked| Some(asked) != container.image.as_ref()) {
            self.actions.push(Action::Stop {
                id: record.id.clone(),
                container: container.name.clone(),
                message: format!(
                    "Container {} definition changed, will be restarted",
                    container.name
                ),
                grace: spec::grace(self.view.pod),
            });
            return;
        }
        self.stop_if_sick(container, record);
    }

    fn stop_if_sick(&mut self, container: &Container, record: &ContainerRecord) {
        let failed = |kind| self.view.probe(&record.id, kind) == Some(false);
        let (what, probe) = if container.startup_probe.is_some() && failed(ProbeKind::Startup) {
            ("startup", container.startup_probe.as_ref())
        } else if container.liveness_probe.is_some() && failed(ProbeKind::Liveness) {
            ("liveness", container.liveness_probe.as_ref())
        } else {
            return;
        };
        let again = if spec::should_restart(self.view.pod, container, 137) {
            ", will be restarted"
        } else {
            ""
        };
        self.actions.push(Action::Stop {
            id: record.id.clone(),
            container: container.name.clone(),
            message: format!("Container {} failed {what} probe{again}", container.name),
            grace: spec::probe_grace(self.view.pod, probe),
        });
    }

    fn restart(&mut self, container: &Container, sandbox: &str, record: &ContainerRecord) {
        let View {
            now, pod, history, ..
        } = self.view;
        let name = &container.name;
        let under_way = history
            .starting
            .as_ref()
            .is_some_and(|(starting, _)| starting == name);
        if under_way {
            // The back-off that its restart has set is for the end that is still to come.
            return;
        }
        let before = history.backoffs.get(name);
        let finished = time_of(record.finished_at);
        let Some((until, wait)) = CrashBackoff::until(before, finished, now) else {
            let backoff = CrashBackoff::next(before, finished, now);
            return self.start(container, sandbox, Some(backoff));
        };
        self.wake(until);
        if status::waiting_reason(pod, name) != Some("CrashLoopBackOff") {
            let message = format!(
                "Back-off restarting failed container {name} in pod {}",
                spec::full_name(pod)
            );
            self.event(name, EventKind::Warning, "BackOff", message);
        }
        let message = format!(
            "back-off {} restarting failed container={name} pod={}",
            go_seconds(wait),
            spec::full_name(pod)
        );
        self.waiting
            .insert(name.clone(), ("CrashLoopBackOff".into(), message));
    }

    /// Plans the start of a container, unless another is being started or the last failure is too young. One at a time, in the
    /// order of the spec: a postStart hook holds up those that follow.
    fn start(&mut self, container: &Container, sandbox: &str, backoff: Option<CrashBackoff>) {
        let history = self.view.history;
        let name = &container.name;
        if let Some(failure) = history.failures.get(name).cloned() {
            self.explain(container, &failure);
            if failure.retry_at > self.view.now {
                self.wake(failure.retry_at);
                return;
            }
        }
        if self.start_planned || history.starting.is_some() {
            return;
        }
        self.start_planned = true;
        let known = self
            .view
            .actual
            .latest(name)
            .map(|r| r.config.attempt.saturating_add(1));
        let told = status::restarts_told(self.view.pod, name);
        let attempt = known.unwrap_or(0).max(told);
        self.actions.push(Action::Start {
            container: name.clone(),
            sandbox: sandbox.to_owned(),
            attempt,
            backoff,
        });
    }

    /// Says why a container that could not be started waits.
    fn explain(&mut self, container: &Container, failure: &super::StartFailure) {
        let name = &container.name;
        let shown = failure
            .at
            .checked_add(SHOW_PULL_BACKOFF)
            .unwrap_or(failure.at);
        let (mut reason, mut message) = (failure.reason.clone(), failure.message.clone());
        if reason == "ErrImagePull" && failure.retry_at > shown {
            if self.view.now < shown {
                self.wake(shown);
            } else {
                let backing_off = format!(
                    "Back-off pulling image {:?}",
                    container.image.as_deref().unwrap_or("")
                );
                message = format!("{backing_off}: {reason}: {message}");
                reason = "ImagePullBackOff".to_owned();
                if status::waiting_reason(self.view.pod, name) != Some("ImagePullBackOff") {
                    self.event(name, EventKind::Normal, "BackOff", backing_off);
                    self.event(
                        name,
                        EventKind::Warning,
                        "Failed",
                        "Error: ImagePullBackOff".into(),
                    );
                }
            }
        }
        self.waiting.insert(name.clone(), (reason, message));
    }

    /// Removes all but the newest two containers of each name: the one before tells the last state and its log.
    fn collect_old(&mut self) {
        for container in spec::all_containers(self.view.pod) {
            let mut records: Vec<_> = self.view.actual.named(&container.name).collect();
            records.sort_by_key(|r| std::cmp::Reverse((r.config.attempt, r.created_at)));
            for old in records
                .into_iter()
                .skip(2)
                .filter(|r| exit_code(r).is_some())
            {
                self.actions.push(Action::Remove { id: old.id.clone() });
            }
        }
    }

    fn want_probes(&mut self) {
        let view = self.view;
        for container in spec::all_containers(view.pod) {
            let Some(record) = view.actual.latest(&container.name) else {
                continue;
            };
            let plain_init =
                spec::is_init(view.pod, &container.name) && !spec::restartable(container);
            if record.state != ContainerState::Running || plain_init || view.is_starting(record) {
                continue;
            }
            let mut want = |kind| {
                let key = ProbeKey {
                    container_id: record.id.clone(),
                    kind,
                };
                self.probes.push(ProbeWanted {
                    key,
                    container: container.name.clone(),
                });
            };
            let healthy = !self.terminating && !view.history.stopping.contains_key(&record.id);
            if !view.started(container, record) {
                if healthy && container.startup_probe.is_some() {
                    want(ProbeKind::Startup);
                }
                continue;
            }
            if healthy && container.liveness_probe.is_some() {
                want(ProbeKind::Liveness);
            }
            if container.readiness_probe.is_some() {
                want(ProbeKind::Readiness);
            }
        }
    }
}
