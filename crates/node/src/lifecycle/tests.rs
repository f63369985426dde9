#![allow(clippy::needless_pass_by_value, reason = "cases read better")]
use std::fmt::Write as _;

use expect_test::{Expect, expect};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_runtime::cri::{
    ContainerConfig, ContainerRecord, ContainerState, ExitStatus, SandboxConfig, SandboxRecord,
    SandboxState,
};
use serde_json::{Value, json};

use super::*;

mod ephemeral;
mod order;
mod probes;
mod replaced;
mod resize;
mod restart;
mod sandbox;
mod status;
mod stopping;

const UID: &str = "1f0c";

/// The time at so many seconds.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn nanos(seconds: i64) -> i64 {
    i64::try_from(at(seconds).as_nanosecond()).unwrap()
}

/// A pod, what there is of it, and what happened.
struct Case {
    pod: Pod,
    actual: PodActual,
    history: History,
}

fn case(spec: Value) -> Case {
    let metadata = json!({"name": "web", "namespace": "shop", "uid": UID, "generation": 1});
    let pod = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
    Case {
        pod,
        actual: PodActual::default(),
        history: History::default(),
    }
}

fn app() -> Value {
    json!({"name": "app", "image": "app:1"})
}

impl Case {
    fn with_sandbox(mut self) -> Self {
        let config = SandboxConfig {
            uid: UID.into(),
            resources: crate::resources::pod_resources(&self.pod),
            ..SandboxConfig::default()
        };
        let record = SandboxRecord {
            id: "s".into(),
            config,
            state: SandboxState::Ready,
            created_at: nanos(0),
            netns: Some("/n".into()),
        };
        self.actual.sandboxes.push(std::sync::Arc::new(record));
        self.history.attached = Some(("s".into(), vec!["10.244.0.5".parse().unwrap()]));
        self
    }

    fn container(
        mut self,
        name: &str,
        attempt: u32,
        state: ContainerState,
        exit: Option<(i32, i64)>,
    ) -> Self {
        let known = crate::spec::all_containers(&self.pod).find(|c| c.name == name);
        let limits = known.map(|c| crate::resources::container_resources(&self.pod, c, 0));
        let record = ContainerRecord {
            id: format!("{name}-{attempt}"),
            sandbox_id: "s".into(),
            config: ContainerConfig {
                name: name.into(),
                attempt,
                resources: limits.unwrap_or_default(),
                ..ContainerConfig::default()
            },
            image_id: "sha256:1".into(),
            state,
            pid: (state == ContainerState::Running).then_some(7),
            created_at: nanos(i64::from(attempt)),
            started_at: nanos(i64::from(attempt)),
            finished_at: exit.map_or(0, |(_, seconds)| nanos(seconds)),
            exit: exit.map(|(code, _)| ExitStatus {
                code,
                ..ExitStatus::default()
            }),
        };
        self.actual.containers.push(std::sync::Arc::new(record));
        self
    }

    fn running(self, name: &str) -> Self {
        self.container(name, 0, ContainerState::Running, None)
    }

    fn ended(self, name: &str, attempt: u32, code: i32, seconds: i64) -> Self {
        self.container(name, attempt, ContainerState::Exited, Some((code, seconds)))
    }

    fn deleted(mut self, grace: i64) -> Self {
        self.pod.metadata.deletion_timestamp = Some(Time(at(10 + grace)));
        self.pod.metadata.deletion_grace_period_seconds = Some(grace);
        self.history.terminating_since = Some(at(10));
        self
    }

    fn history(mut self, change: impl FnOnce(&mut History)) -> Self {
        change(&mut self.history);
        self
    }

    fn plan(&self, seconds: i64) -> Plan {
        let node = NodeFacts {
            addresses: vec!["192.168.0.1".parse().unwrap()],
        };
        plan(at(seconds), &self.pod, &self.actual, &self.history, &node)
    }

    fn check(&self, seconds: i64, expected: Expect) {
        let plan = self.plan(seconds);
        let mut text = String::new();
        for action in &plan.actions {
            writeln!(text, "{}", tell(action)).unwrap();
        }
        writeln!(text, "phase {}", plan.status.phase.as_deref().unwrap_or("")).unwrap();
        let all = plan
            .status
            .init_container_statuses
            .iter()
            .chain(&plan.status.container_statuses)
            .chain(&plan.status.ephemeral_container_statuses)
            .flatten();
        for status in all {
            let state = status.state.clone().unwrap_or_default();
            let how = match (state.running, state.terminated, state.waiting) {
                (Some(_), ..) => "running".to_owned(),
                (_, Some(end), _) => {
                    format!("{} {}", end.reason.unwrap_or_default(), end.exit_code)
                }
                (.., waiting) => waiting.and_then(|w| w.reason).unwrap_or_default(),
            };
            let ready = if status.ready { " ready" } else { "" };
            writeln!(
                text,
                "{} {how}{ready} restarts={}",
                status.name, status.restart_count
            )
            .unwrap();
        }
        if let Some(wake) = plan.wake_at {
            writeln!(text, "wake at {}", wake.duration_since(at(0)).as_secs()).unwrap();
        }
        expected.assert_eq(&text);
    }
}

fn with_init() -> Case {
    let init = json!([{"name": "first", "image": "a"}, {"name": "proxy", "image": "p", "restartPolicy": "Always"}]);
    case(json!({"initContainers": init, "containers": [app()], "restartPolicy": "Never"}))
        .with_sandbox()
}

fn tell(action: &Action) -> String {
    match action {
        Action::SetUp { attempt, sandbox } => {
            format!("set up {attempt} {}", sandbox.as_deref().unwrap_or("new"))
        }
        Action::Start {
            container,
            attempt,
            backoff,
            ..
        } => {
            format!(
                "start {container} {attempt} back-off {:?}",
                backoff.map(|b| b.wait.as_secs())
            )
        }
        Action::Stop {
            container,
            message,
            grace,
            ..
        } => format!("stop {container} in {}s: {message}", grace.as_secs()),
        Action::Resize { containers, .. } => format!("resize {}", containers.join(" ")),
        Action::Resized { generation } => format!("resized by {generation}"),
        Action::Remove { id } => format!("remove {id}"),
        Action::TearDown => "tear down".into(),
        Action::Delete => "delete".into(),
        Action::Event {
            reason, message, ..
        } => format!("tell {reason}: {message}"),
    }
}
