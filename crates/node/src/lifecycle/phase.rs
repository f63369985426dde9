//! The phase of a pod, from the statuses of its containers, as the kubelet's `getPhase`.

use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated, ContainerStatus, Pod};

use crate::spec;

/// How many containers are how.
#[derive(Default)]
struct Count {
    init_pending: usize,
    sidecars_pending: usize,
    unknown: usize,
    running: usize,
    waiting: usize,
    stopped: usize,
    final_: usize,
    succeeded: usize,
}

/// The phase. `ending`: no container will be started again. `initialized`: a regular container has run in the present sandbox.
pub(super) fn phase(
    pod: &Pod,
    statuses: &[ContainerStatus],
    ending: bool,
    initialized: bool,
) -> &'static str {
    let mut count = Count::default();
    for container in spec::init_containers(pod) {
        let failed = if spec::restartable(container) {
            count.sidecar(find(statuses, container));
            false
        } else {
            count.init(pod, container, find(statuses, container))
        };
        if failed {
            return "Failed";
        }
    }
    for container in spec::containers(pod) {
        count.regular(pod, container, find(statuses, container));
    }
    if count.init_pending > 0 || count.sidecars_pending > 0 && !initialized || count.waiting > 0 {
        return "Pending";
    }
    if count.running > 0 && count.unknown == 0 {
        return "Running";
    }
    if count.running > 0 || count.stopped == 0 || count.unknown > 0 {
        return "Pending";
    }
    if !ending && count.stopped != count.final_ {
        return "Running";
    }
    if count.stopped == count.succeeded {
        "Succeeded"
    } else {
        "Failed"
    }
}

fn find<'a>(statuses: &'a [ContainerStatus], container: &Container) -> Option<&'a ContainerStatus> {
    statuses.iter().find(|s| s.name == container.name)
}

/// How a container ended that runs no more: now, or before it began to wait.
fn end(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let of = |state: &'_ Option<k8s_openapi::api::core::v1::ContainerState>| {
        state.as_ref().is_some_and(|s| s.waiting.is_some())
    };
    match status.state.as_ref().and_then(|s| s.terminated.as_ref()) {
        Some(end) => Some(end),
        None if of(&status.state) => status
            .last_state
            .as_ref()
            .and_then(|s| s.terminated.as_ref()),
        None => None,
    }
}

fn is_running(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|s| s.running.is_some())
}

fn is_waiting(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|s| s.waiting.is_some())
}

impl Count {
    /// Whether it failed for good.
    fn init(&mut self, pod: &Pod, container: &Container, status: Option<&ContainerStatus>) -> bool {
        let Some(end) = status.and_then(end) else {
            self.init_pending += 1;
            return false;
        };
        end.exit_code != 0 && !spec::should_restart(pod, container, end.exit_code)
    }

    fn sidecar(&mut self, status: Option<&ContainerStatus>) {
        match status {
            None => self.unknown += 1,
            Some(status) if is_running(status) => {
                self.running += 1;
                if status.started != Some(true) {
                    self.sidecars_pending += 1;
                }
            }
            Some(status) if end(status).is_some() => {}
            Some(status) => {
                self.sidecars_pending += 1;
                if is_waiting(status) {
                    self.waiting += 1;
                } else {
                    self.unknown += 1;
                }
            }
        }
    }

    fn regular(&mut self, pod: &Pod, container: &Container, status: Option<&ContainerStatus>) {
        let Some(status) = status else {
            self.unknown += 1;
            return;
        };
        if is_running(status) {
            self.running += 1;
        } else if let Some(end) = end(status) {
            self.stopped += 1;
            if !spec::should_restart(pod, container, end.exit_code) {
                self.final_ += 1;
            }
            if end.exit_code == 0 && !is_waiting(status) {
                self.succeeded += 1;
            }
        } else if is_waiting(status) {
            self.waiting += 1;
        } else {
            self.unknown += 1;
        }
    }
}
