//! Other resources for containers that run: `pods/resize`.

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use navarch_runtime::cri::{ContainerRecord, ContainerState, Resources};
use serde::Serialize;

use super::Action;
use super::plan::Draft;
use super::view::View;
use crate::allocation::read_note;
use crate::quantity::milli_of;
use crate::{resources, spec};

/// What of a container's resources can be changed while it runs, in thousandths: each request and limit.
fn sizes(resources: Option<&ResourceRequirements>) -> [[i64; 2]; 2] {
    let requests = resources.and_then(|r| r.requests.as_ref());
    let limits = resources.and_then(|r| r.limits.as_ref());
    ["cpu", "memory"].map(|name| [milli_of(requests, name), milli_of(limits, name)])
}

/// Whether a container runs with other resources than its pod was given for it. One that an older version has started has no note of
/// what it was given: its limits tell.
fn differs(pod: &Pod, container: &Container, record: &ContainerRecord) -> bool {
    let other = || match read_note(&record.config.annotations) {
        Some(has) => sizes(has.as_ref()) != sizes(container.resources.as_ref()),
        None => {
            let wanted = resources::container_resources(pod, container, 0);
            let limits = |r: &Resources| (r.cpu_shares, r.cpu_quota, r.memory_limit);
            limits(&record.config.resources) != limits(&wanted)
        }
    };
    record.state == ContainerState::Running && other()
}

/// Whether a container must run anew to get other resources.
pub(super) fn needs_restart(container: &Container, record: &ContainerRecord) -> bool {
    let Some(has) = read_note(&record.config.annotations) else {
        return false;
    };
    let pairs = sizes(has.as_ref())
        .into_iter()
        .zip(sizes(container.resources.as_ref()));
    let mut changed = ["cpu", "memory"]
        .into_iter()
        .zip(pairs)
        .filter(|(_, (has, given))| has != given);
    let restarts = |name: &str| {
        container.resize_policy.iter().flatten().any(|policy| {
            policy.resource_name == name && policy.restart_policy == "RestartContainer"
        })
    };
    changed.any(|(name, _)| restarts(name))
}

/// The containers that can be given other resources while the pod runs.
fn resizable(pod: &Pod) -> impl Iterator<Item = &Container> {
    spec::init_containers(pod)
        .iter()
        .filter(|c| spec::restartable(c))
        .chain(spec::containers(pod))
}

/// Whether the pod as a whole runs with other limits than it was given.
fn outgrown(view: &View<'_>) -> bool {
    let wanted = resources::pod_resources(view.pod);
    let sandbox = view.actual.ready_sandbox();
    sandbox.is_some_and(|sandbox| sandbox.config.resources != wanted)
}

/// Whether limits were last changed in vain: which of them are in force is not known then.
fn failed(view: &View<'_>) -> bool {
    let resizing = view.history.resizing.as_ref();
    resizing.is_some_and(|r| !r.error.is_empty())
}

/// Whether something of the pod runs with other resources than it was given.
pub(super) fn outstanding(view: &View<'_>) -> bool {
    let latest = |c: &Container| {
        let record = view.actual.latest(&c.name);
        record.is_some_and(|r| differs(view.pod, c, r))
    };
    failed(view) || outgrown(view) || resizable(view.pod).any(latest)
}

impl Draft<'_> {
    /// Sees to it that what runs in the sandbox has the resources that its pod was given, and tells when it has them.
    pub(super) fn resize(&mut self, sandbox: &str) {
        let View {
            pod,
            actual,
            history,
            now,
            ..
        } = self.view;
        if history.changing {
            return;
        }
        let again = failed(&self.view);
        let changes = |c: &Container, record: &ContainerRecord| {
            let runs = record.state == ContainerState::Running;
            runs && (again || differs(pod, c, record)) && !needs_restart(c, record)
        };
        let changed: Vec<String> = resizable(pod)
            .filter_map(|c| Some((c, actual.latest_in(sandbox, &c.name)?)))
            .filter(|(c, record)| changes(c, record))
            .map(|(c, _)| c.name.clone())
            .collect();
        if changed.is_empty() && !again && !outgrown(&self.view) {
            // Those that must run anew for it are still on their way.
            if let Some(resizing) = history.resizing.as_ref()
                && !outstanding(&self.view)
            {
                self.actions.push(Action::Resized {
                    generation: resizing.generation,
                });
            }
            return;
        }
        match history.resizing.as_ref().and_then(|r| r.retry_at) {
            Some(at) if at > now => self.wake(at),
            _ => self.actions.push(Action::Resize {
                sandbox: sandbox.to_owned(),
                containers: changed,
                generation: history
                    .resizing
                    .as_ref()
                    .map_or(pod.metadata.generation.unwrap_or_default(), |r| {
                        r.generation
                    }),
            }),
        }
    }
}

/// What an event of a resize says: how it went, and what the pod is to have.
pub(crate) fn told(how: &str, pod: &Pod, generation: i64, error: &str) -> String {
    #[derive(Serialize)]
    struct One<'a> {
        name: &'a str,
        resources: ResourceRequirements,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Summary<'a> {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        init_containers: Vec<One<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        containers: Vec<One<'a>>,
        generation: i64,
        #[serde(skip_serializing_if = "str::is_empty")]
        error: &'a str,
    }
    fn all(containers: &[Container]) -> Vec<One<'_>> {
        let mut all = Vec::new();
        for container in containers {
            all.push(One {
                name: &container.name,
                resources: container.resources.clone().unwrap_or_default(),
            });
        }
        all
    }
    let summary = Summary {
        init_containers: all(spec::init_containers(pod)),
        containers: all(spec::containers(pod)),
        generation,
        error,
    };
    match serde_json::to_string(&summary) {
        Ok(text) => format!("Pod resize {how}: {text}"),
        Err(_) => format!("Pod resize {how}"),
    }
}
