//! A container that is to run: started, started again, or left to run.

use k8s_openapi::api::core::v1::Container;
use navarch_runtime::cri::{ContainerRecord, ContainerState};

use super::backoff::go_seconds;
use super::plan::Draft;
use super::view::{View, is_replaced};
use super::{Action, CrashBackoff, EventKind, status, time_of};
use crate::spec;

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

impl Draft<'_> {
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
                self.remove_unstarted(&record);
                Standing::Pending
            }
            ContainerState::Exited | ContainerState::Unknown => {
                match self.view.ended_for_good(container, &record) {
                    Some(code) => Standing::Ended(code),
                    None => {
                        self.restart(container, sandbox, &record);
                        Standing::Pending
                    }
                }
            }
        }
    }

    /// Removes a container that an earlier run of this node made and did not come to start.
    pub(super) fn remove_unstarted(&mut self, record: &ContainerRecord) {
        let starting = self.view.history.starting.as_ref();
        if starting.is_none_or(|(name, _)| *name != record.config.name) {
            self.actions.push(Action::Remove {
                id: record.id.clone(),
            });
        }
    }

    /// Whether a regular container did its work in a sandbox that is gone, and need not do it again in this one.
    fn is_done_elsewhere(&self, container: &Container) -> bool {
        let pod = self.view.pod;
        let last = self.view.actual.latest(&container.name);
        !spec::is_init(pod, &container.name)
            && last.is_some_and(|r| self.view.ended_for_good(container, r) == Some(0))
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
        if is_replaced(record) {
            return self.start(container, sandbox, None);
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
}
