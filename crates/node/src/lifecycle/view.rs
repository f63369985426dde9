//! All that a plan is made from, and what follows from it at once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod};
use navarch_runtime::cri::{ContainerRecord, ContainerState};

use super::status;
use super::{History, NodeFacts, PodActual, ProbeKey, ProbeKind, REPLACED, Refusal};
use crate::spec;

/// All that is known.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) now: Timestamp,
    pub(super) pod: &'a Pod,
    pub(super) actual: &'a PodActual,
    pub(super) history: &'a History,
    pub(super) node: &'a NodeFacts,
}

impl View<'_> {
    /// The time when so much has gone by.
    pub(super) fn after(&self, time: Duration) -> Timestamp {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.now.saturating_add(time).unwrap_or(Timestamp::MAX)
    }

    /// Why the pod may not run (any more), by the node's decision or its deadline.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.history.refusal.clone().or_else(|| {
            (self.deadline()? <= self.now).then(|| Refusal {
                reason: "DeadlineExceeded".into(),
                message: "Pod was active on the node longer than the specified deadline".into(),
                evicted: false,
            })
        })
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let seconds = spec::spec(self.pod).active_deadline_seconds?;
        let start = spec::status(self.pod).start_time.as_ref()?;
        start.0.checked_add(SignedDuration::from_secs(seconds)).ok()
    }

    pub(super) fn must_end(&self, refusal: Option<&Refusal>) -> bool {
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
                .and_then(|r| self.ended_for_good(c, r))
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

    /// The exit code, if the container ended and its policy does not have it run again.
    pub(super) fn ended_for_good(
        &self,
        container: &Container,
        record: &ContainerRecord,
    ) -> Option<i32> {
        let code = exit_code(record)?;
        let again = is_replaced(record) || spec::should_restart(self.pod, container, code);
        (!again).then_some(code)
    }

    pub(super) fn is_starting(&self, record: &ContainerRecord) -> bool {
        matches!(&self.history.starting, Some((_, Some(id))) if *id == record.id)
    }
}

/// Whether a container was stopped for another to take its place.
pub(super) fn is_replaced(record: &ContainerRecord) -> bool {
    record.config.annotations.contains_key(REPLACED)
}

/// The exit code of a container that ended.
pub(crate) fn exit_code(record: &ContainerRecord) -> Option<i32> {
    match record.state {
        ContainerState::Exited => Some(record.exit.as_ref().map_or(0, |exit| exit.code)),
        // Nobody saw it end; the kubelet tells 137.
        ContainerState::Unknown => Some(137),
        ContainerState::Created | ContainerState::Running => None,
    }
}
