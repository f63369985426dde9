//! The conditions of a pod that the node owns, in the kubelet's words and order.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};

use super::{History, Refusal};
use crate::spec;

const OWNED: [&str; 5] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
];

const PENDING: &str = "PodResizePending";
const IN_PROGRESS: &str = "PodResizeInProgress";

/// What a condition says.
#[derive(Default, Clone)]
struct Says {
    yes: bool,
    reason: &'static str,
    message: String,
}

impl Says {
    fn yes() -> Self {
        Self {
            yes: true,
            ..Self::default()
        }
    }

    fn no(reason: &'static str, message: String) -> Self {
        Self {
            yes: false,
            reason,
            message,
        }
    }
}

/// What conditions are made from.
pub(super) struct Facts<'a> {
    pub(super) pod: &'a Pod,
    pub(super) now: Timestamp,
    pub(super) phase: &'a str,
    pub(super) init: &'a [ContainerStatus],
    pub(super) regular: &'a [ContainerStatus],
    pub(super) sandbox_ready: bool,
    pub(super) refusal: Option<&'a Refusal>,
    pub(super) history: &'a History,
    /// Something runs with other resources than it was given.
    pub(super) resizing: bool,
}

/// All conditions: others' first as they are, then ours.
pub(super) fn conditions(facts: &Facts<'_>) -> Vec<PodCondition> {
    let old = spec::status(facts.pod)
        .conditions
        .as_deref()
        .unwrap_or_default();
    let mut all: Vec<PodCondition> = old
        .iter()
        .filter(|c| {
            !OWNED.contains(&c.type_.as_str())
                && ![PENDING, IN_PROGRESS].contains(&c.type_.as_str())
        })
        .cloned()
        .collect();
    if !matches!(facts.phase, "Succeeded" | "Failed") {
        all.extend(facts.resize());
    }
    if let Some(refusal) = facts.refusal.filter(|r| r.evicted) {
        all.retain(|c| c.type_ != "DisruptionTarget");
        let says = Says {
            yes: true,
            reason: "TerminationByKubelet",
            message: refusal.message.clone(),
        };
        all.push(facts.condition("DisruptionTarget", &says));
    }
    let containers_ready = facts.containers_ready();
    let ready = facts.ready(&containers_ready, &all);
    let sandbox = Says {
        yes: facts.sandbox_ready,
        ..Says::default()
    };
    let ours = [
        sandbox,
        facts.initialized(),
        ready,
        containers_ready,
        Says::yes(),
    ];
    all.extend(
        OWNED
            .iter()
            .zip(&ours)
            .map(|(kind, says)| facts.condition(kind, says)),
    );
    all
}

impl Facts<'_> {
    fn condition(&self, kind: &str, says: &Says) -> PodCondition {
        let old = spec::status(self.pod)
            .conditions
            .as_deref()
            .unwrap_or_default()
            .iter()
            .find(|c| c.type_ == kind);
        let status = if says.yes { "True" } else { "False" };
        let unchanged = old
            .filter(|c| c.status == status)
            .and_then(|c| c.last_transition_time.clone());
        let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        PodCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: text(says.reason),
            message: text(&says.message),
            observed_generation: self.pod.metadata.generation,
            last_transition_time: Some(
                unchanged.unwrap_or_else(|| navarch_machinery::time::seconds(self.now)),
            ),
            last_probe_time: None,
        }
    }

    /// Where a change of the pod's resources stands; nothing where there is none. Both tell of the generation that asked for it.
    fn resize(&self) -> impl Iterator<Item = PodCondition> {
        let tell = |kind, reason, message: &str, generation| {
            let says = Says {
                yes: true,
                reason,
                message: message.to_owned(),
            };
            let mut condition = self.condition(kind, &says);
            condition.observed_generation = generation;
            if spec::condition(self.pod, kind).is_some_and(|old| old.reason != condition.reason) {
                condition.last_transition_time = Some(navarch_machinery::time::seconds(self.now));
            }
            condition
        };
        let pending = (self.history.pending_resize.as_ref())
            .map(|p| tell(PENDING, "Deferred", &p.message, Some(p.generation)));
        let in_progress = match &self.history.resizing {
            _ if !self.resizing => None,
            None => Some(tell(IN_PROGRESS, "", "", self.pod.metadata.generation)),
            Some(r) => {
                let reason = if r.error.is_empty() { "" } else { "Error" };
                Some(tell(IN_PROGRESS, reason, &r.error, Some(r.generation)))
            }
        };
        pending.into_iter().chain(in_progress)
    }

    fn status(&self, name: &str) -> Option<&ContainerStatus> {
        self.init
            .iter()
            .chain(self.regular)
            .find(|s| s.name == name)
    }

    fn initialized(&self) -> Says {
        let (mut unknown, mut incomplete) = (Vec::new(), Vec::new());
        for container in spec::init_containers(self.pod) {
            let name = container.name.as_str();
            match self.status(name) {
                None => unknown.push(name),
                Some(s) if spec::restartable(container) && s.started != Some(true) => {
                    incomplete.push(name);
                }
                Some(s) if !spec::restartable(container) && !s.ready => incomplete.push(name),
                Some(_) => {}
            }
        }
        if self.phase == "Succeeded" && unknown.is_empty() {
            return Says {
                yes: true,
                reason: "PodCompleted",
                message: String::new(),
            };
        }
        let began = |s: &ContainerStatus| {
            let ran = |state: &Option<k8s_openapi::api::core::v1::ContainerState>| {
                state
                    .as_ref()
                    .is_some_and(|s| s.running.is_some() || s.terminated.is_some())
            };
            s.started == Some(true) || ran(&s.state) || ran(&s.last_state)
        };
        let message = tell(&[("unknown", &unknown), ("incomplete", &incomplete)]);
        if message.is_empty() || self.regular.iter().any(began) {
            return Says::yes();
        }
        Says::no("ContainersNotInitialized", message)
    }

    fn containers_ready(&self) -> Says {
        let (mut unknown, mut unready) = (Vec::new(), Vec::new());
        let sidecars = spec::init_containers(self.pod)
            .iter()
            .filter(|c| spec::restartable(c));
        for container in sidecars.chain(spec::containers(self.pod)) {
            match self.status(&container.name) {
                None => unknown.push(container.name.as_str()),
                Some(s) if !s.ready => unready.push(container.name.as_str()),
                Some(_) => {}
            }
        }
        if self.phase == "Succeeded" && unknown.is_empty() {
            return Says::no("PodCompleted", String::new());
        }
        if self.phase == "Failed" {
            return Says::no("PodFailed", String::new());
        }
        let message = tell(&[("unknown", &unknown), ("unready", &unready)]);
        if message.is_empty() {
            Says::yes()
        } else {
            Says::no("ContainersNotReady", message)
        }
    }

    fn ready(&self, containers: &Says, conditions: &[PodCondition]) -> Says {
        if !containers.yes {
            return containers.clone();
        }
        let mut closed = Vec::new();
        for gate in spec::spec(self.pod)
            .readiness_gates
            .as_deref()
            .unwrap_or_default()
        {
            let kind = &gate.condition_type;
            match conditions.iter().find(|c| c.type_ == *kind) {
                None => closed.push(format!(
                    "corresponding condition of pod readiness gate {kind:?} does not exist."
                )),
                Some(c) if c.status != "True" => {
                    closed.push(format!(
                        "the status of pod readiness gate {kind:?} is not \"True\", but {}",
                        c.status
                    ));
                }
                Some(_) => {}
            }
        }
        if closed.is_empty() {
            Says::yes()
        } else {
            Says::no("ReadinessGatesNotReady", closed.join(", "))
        }
    }
}

fn tell(found: &[(&str, &[&str])]) -> String {
    let parts: Vec<String> = found
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(how, names)| format!("containers with {how} status: [{}]", names.join(" ")))
        .collect();
    parts.join(", ")
}
