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

mod replaced;
mod resize;
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

#[test]
fn a_new_pod_gets_a_sandbox() {
    let case = case(json!({"containers": [app()]}));
    case.check(
        5,
        expect![[r#"
        set up 0 new
        phase Pending
        app ContainerCreating restarts=0
    "#]],
    );
    case.history(|h| h.setting_up = true).check(
        5,
        expect![[r#"
        phase Pending
        app ContainerCreating restarts=0
    "#]],
    );
}

#[test]
fn a_sandbox_that_failed_is_tried_again_later() {
    let case = case(json!({"containers": [app()]})).history(|h| {
        h.set_up_failure = Some(SetUpFailure {
            failures: 2,
            retry_at: at(9),
        });
    });
    case.check(
        8,
        expect![[r#"
        phase Pending
        app ContainerCreating restarts=0
        wake at 9
    "#]],
    );
    case.check(
        9,
        expect![[r#"
        set up 0 new
        phase Pending
        app ContainerCreating restarts=0
    "#]],
    );
}

#[test]
fn a_sandbox_that_dies_young_again_has_the_next_one_wait() {
    let died = |attempt| {
        let mut case = case(json!({"containers": [app()]})).with_sandbox();
        let sandbox = std::sync::Arc::make_mut(&mut case.actual.sandboxes[0]);
        sandbox.state = SandboxState::NotReady;
        sandbox.config.attempt = attempt;
        let plan = case.plan(1);
        let told: Vec<String> = plan.actions.iter().map(tell).collect();
        let wake = plan.wake_at.map(|at_| at_.duration_since(at(0)).as_secs());
        (told.last().cloned(), wake)
    };
    assert_eq!(died(0), (Some("set up 1 new".into()), None));
    assert_eq!(died(1), (None, Some(2)));
    assert_eq!(died(9), (None, Some(16)));
}

#[test]
fn containers_start_one_after_the_other() {
    let two = json!({"containers": [app(), {"name": "side", "image": "b:1"}]});
    case(two.clone()).with_sandbox().check(
        5,
        expect![[r#"
        start app 0 back-off None
        phase Pending
        app ContainerCreating restarts=0
        side ContainerCreating restarts=0
    "#]],
    );
    let starting = case(two.clone()).with_sandbox().running("app");
    let starting = starting.history(|h| h.starting = Some(("app".into(), Some("app-0".into()))));
    starting.check(
        5,
        expect![[r#"
        phase Pending
        app running restarts=0
        side ContainerCreating restarts=0
    "#]],
    );
    case(two).with_sandbox().running("app").check(
        5,
        expect![[r#"
        start side 0 back-off None
        phase Pending
        app running ready restarts=0
        side ContainerCreating restarts=0
    "#]],
    );
}

#[test]
fn the_first_restart_is_at_once_and_the_next_waits() {
    let once = case(json!({"containers": [app()]}))
        .with_sandbox()
        .ended("app", 0, 1, 4);
    once.check(
        5,
        expect![[r#"
        start app 1 back-off Some(10)
        phase Running
        app Error 1 restarts=0
    "#]],
    );
    let backoff = CrashBackoff {
        wait: std::time::Duration::from_secs(10),
        since: at(5),
    };
    let twice = once.ended("app", 1, 1, 6).history(|h| {
        let _ = h.backoffs.insert("app".into(), backoff);
    });
    twice.check(
        7,
        expect![[r#"
        tell BackOff: Back-off restarting failed container app in pod web_shop(1f0c)
        phase Running
        app CrashLoopBackOff restarts=1
        wake at 16
    "#]],
    );
    twice.check(
        16,
        expect![[r#"
        start app 2 back-off Some(20)
        phase Running
        app Error 1 restarts=1
    "#]],
    );
}

#[test]
fn a_back_off_starts_over_after_ten_minutes() {
    let before = CrashBackoff {
        wait: std::time::Duration::from_secs(300),
        since: at(0),
    };
    assert_eq!(CrashBackoff::until(Some(&before), at(601), at(602)), None);
    assert_eq!(
        CrashBackoff::next(Some(&before), at(601), at(602))
            .wait
            .as_secs(),
        10
    );
    assert_eq!(
        CrashBackoff::next(Some(&before), at(599), at(602))
            .wait
            .as_secs(),
        300
    );
}

#[test]
fn policies_say_whether_a_container_runs_again() {
    let with = |policy: &str, code| {
        let case = case(json!({"restartPolicy": policy, "containers": [app()]}))
            .with_sandbox()
            .ended("app", 0, code, 4);
        let plan = case.plan(5);
        let first = plan.actions.first().map(tell).unwrap_or_default();
        format!(
            "{} {}",
            plan.status.phase.unwrap(),
            first.split(' ').next().unwrap_or("")
        )
    };
    assert_eq!(with("Always", 0), "Running start");
    assert_eq!(with("OnFailure", 0), "Succeeded tear");
    assert_eq!(with("OnFailure", 2), "Running start");
    assert_eq!(with("Never", 0), "Succeeded tear");
    assert_eq!(with("Never", 2), "Failed tear");
}

#[test]
fn rules_of_a_container_come_first() {
    let rules = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]);
    let spec = |code| {
        let app = json!({"name": "app", "restartPolicy": "Never", "restartPolicyRules": rules});
        case(json!({"restartPolicy": "Never", "containers": [app]}))
            .with_sandbox()
            .ended("app", 0, code, 4)
    };
    spec(42).check(
        5,
        expect![[r#"
        start app 1 back-off Some(10)
        phase Running
        app Error 42 restarts=0
    "#]],
    );
    spec(1).check(
        5,
        expect![[r#"
        tear down
        phase Failed
        app Error 1 restarts=0
    "#]],
    );
}

fn with_init() -> Case {
    let init = json!([{"name": "first", "image": "a"}, {"name": "proxy", "image": "p", "restartPolicy": "Always"}]);
    case(json!({"initContainers": init, "containers": [app()], "restartPolicy": "Never"}))
        .with_sandbox()
}

#[test]
fn init_containers_come_first_and_in_order() {
    with_init().check(
        5,
        expect![[r#"
        start first 0 back-off None
        phase Pending
        first PodInitializing restarts=0
        proxy PodInitializing restarts=0
        app PodInitializing restarts=0
    "#]],
    );
    with_init().ended("first", 0, 0, 4).check(
        5,
        expect![[r#"
        start proxy 0 back-off None
        phase Pending
        first Completed 0 ready restarts=0
        proxy PodInitializing restarts=0
        app PodInitializing restarts=0
    "#]],
    );
    with_init().ended("first", 0, 0, 4).running("proxy").check(
        5,
        expect![[r#"
        start app 0 back-off None
        phase Pending
        first Completed 0 ready restarts=0
        proxy running ready restarts=0
        app PodInitializing restarts=0
    "#]],
    );
    with_init().ended("first", 0, 3, 4).check(
        5,
        expect![[r#"
        tear down
        phase Failed
        first Error 3 restarts=0
        proxy PodInitializing restarts=0
        app PodInitializing restarts=0
    "#]],
    );
}

#[test]
fn sidecars_end_after_the_work_is_done() {
    with_init()
        .ended("first", 0, 0, 1)
        .running("proxy")
        .ended("app", 0, 0, 4)
        .check(
            5,
            expect![[r#"
        stop proxy in 30s: Stopping container proxy
        phase Running
        first Completed 0 ready restarts=0
        proxy running ready restarts=0
        app Completed 0 restarts=0
    "#]],
        );
}

#[test]
fn a_deleted_pod_ends_in_order() {
    let running = with_init()
        .ended("first", 0, 0, 1)
        .running("proxy")
        .running("app")
        .deleted(20);
    running.check(
        10,
        expect![[r#"
        stop app in 20s: Stopping container app
        phase Running
        first Completed 0 ready restarts=0
        proxy running ready restarts=0
        app running ready restarts=0
    "#]],
    );
    let stopping = running.history(|h| {
        let _ = h.stopping.insert("app-0".into(), at(30));
    });
    assert!(stopping.plan(12).actions.is_empty());
    let ended = with_init()
        .ended("first", 0, 0, 1)
        .ended("proxy", 0, 0, 4)
        .ended("app", 0, 143, 4)
        .deleted(20);
    assert_eq!(ended.plan(12).actions, [Action::TearDown]);
    let ended = ended.history(|h| {
        let failed = SetUpFailure::again(None, at(12));
        h.tear_down_failure = Some(SetUpFailure::again(Some(&failed), at(12)));
    });
    assert!(ended.plan(13).actions.is_empty());
    assert_eq!(ended.plan(13).wake_at, Some(at(14)));
    assert_eq!(ended.plan(14).actions, [Action::TearDown]);
    let torn = ended.history(|h| h.torn_down = true);
    assert_eq!(torn.plan(13).actions, [Action::Delete]);
    assert_eq!(torn.plan(13).status.phase.as_deref(), Some("Failed"));
}

#[test]
fn probes_decide() {
    let probe = json!({"exec": {"command": ["x"]}});
    let spec = json!({"containers": [{"name": "app", "startupProbe": probe, "livenessProbe": probe, "readinessProbe": probe}]});
    let kinds = |case: &Case| {
        case.plan(5)
            .probes
            .iter()
            .map(|p| p.key.kind)
            .collect::<Vec<_>>()
    };
    let found = |kind, ok| {
        move |h: &mut History| {
            let container_id = "app-0".to_owned();
            h.probes.insert(ProbeKey { container_id, kind }, ok);
        }
    };
    let fresh = case(spec).with_sandbox().running("app");
    assert_eq!(kinds(&fresh), [ProbeKind::Startup]);
    let started = fresh.history(found(ProbeKind::Startup, true));
    assert_eq!(kinds(&started), [ProbeKind::Liveness, ProbeKind::Readiness]);
    assert!(!started.plan(5).status.container_statuses.unwrap()[0].ready);
    let ready = started.history(found(ProbeKind::Readiness, true));
    assert!(ready.plan(5).status.container_statuses.unwrap()[0].ready);
    let sick = ready.history(found(ProbeKind::Liveness, false));
    let told: Vec<_> = sick.plan(5).actions.iter().map(tell).collect();
    assert_eq!(
        told,
        ["stop app in 30s: Container app failed liveness probe, will be restarted"]
    );
    assert_eq!(
        kinds(&sick),
        [ProbeKind::Readiness],
        "nobody asks again what is known to be sick"
    );
}

#[test]
fn a_deadline_ends_a_pod() {
    let mut case = case(json!({"activeDeadlineSeconds": 60, "containers": [app()]}))
        .with_sandbox()
        .running("app");
    case.pod.status.get_or_insert_default().start_time = Some(Time(at(0)));
    assert_eq!(case.plan(59).wake_at, Some(at(60)));
    let plan = case.plan(60);
    assert_eq!(plan.status.phase.as_deref(), Some("Failed"));
    assert_eq!(plan.status.reason.as_deref(), Some("DeadlineExceeded"));
    assert!(
        plan.actions
            .iter()
            .any(|a| matches!(a, Action::Stop { .. }))
    );
}

#[test]
fn a_plan_told_changes_nothing_more() {
    let mut case = case(json!({"containers": [app()]}))
        .with_sandbox()
        .running("app");
    let first = case.plan(5).status;
    case.pod.status = Some(first.clone());
    let later = case.plan(500);
    assert_eq!(later.status, first);
    assert!(later.actions.is_empty());
    assert!(later.wake_at.is_none_or(
        |at_| at_ > at(500) && at_.duration_since(at(500)) < SignedDuration::from_secs(1)
    ));
}

#[test]
fn conditions_in_kubernetes_words() {
    let plan = case(json!({"containers": [app()]})).with_sandbox().plan(5);
    let lines: Vec<String> = plan
        .status
        .conditions
        .unwrap()
        .iter()
        .map(|c| {
            format!(
                "{} {} {} {}",
                c.type_,
                c.status,
                c.reason.as_deref().unwrap_or("-"),
                c.message.as_deref().unwrap_or("-")
            )
        })
        .collect();
    expect![[r#"
        PodReadyToStartContainers True - -
        Initialized True - -
        Ready False ContainersNotReady containers with unready status: [app]
        ContainersReady False ContainersNotReady containers with unready status: [app]
        PodScheduled True - -"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn another_image_is_another_container() {
    let asked = |image: &str| {
        let mut case = case(json!({"containers": [app()]}))
            .with_sandbox()
            .running("app");
        let record = std::sync::Arc::make_mut(&mut case.actual.containers[0]);
        let note = (IMAGE_ASKED.to_owned(), image.to_owned());
        record.config.annotations.extend([note]);
        case
    };
    let told = |case: &Case| case.plan(5).actions.iter().map(tell).collect::<Vec<_>>();
    assert!(told(&asked("app:1")).is_empty());
    let stop = ["stop app in 30s: Container app definition changed, will be restarted"];
    assert_eq!(told(&asked("app:0")), stop);
    let stopping = asked("app:0").history(|h| {
        h.stopping.insert("app-0".into(), at(30));
    });
    assert!(told(&stopping).is_empty());
}

#[test]
fn what_is_done_is_not_done_again_in_a_new_sandbox() {
    let mut case = case(json!({"restartPolicy": "OnFailure", "containers": [
        {"name": "done", "image": "a:1"}, {"name": "killed", "image": "a:1"},
    ]}))
    .with_sandbox()
    .ended("done", 0, 0, 3)
    .container("killed", 0, ContainerState::Unknown, None);
    // The sandbox they ran in is gone; this is the next.
    let mut next = (*case.actual.sandboxes[0]).clone();
    next.id = "s2".into();
    next.config.attempt = 1;
    case.actual.sandboxes.push(std::sync::Arc::new(next));
    case.history.attached = Some(("s2".into(), Vec::new()));
    let started: Vec<String> = case
        .plan(9)
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Start { container, .. } => Some(container.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(started, ["killed"]);
}

#[test]
fn only_what_tells_of_a_status_waits_for_it() {
    let case = case(json!({"containers": [app()]}));
    let waits = |action: &Action| action.needs_status_told();
    assert!(!case.plan(5).actions.iter().any(waits));
    assert!(Action::Delete.needs_status_told());
    assert!(!Action::TearDown.needs_status_told());
}

#[test]
fn an_ephemeral_container_is_started_once_and_counts_for_nothing() {
    let spec = || {
        let debug = json!({"name": "debug", "image": "tools:1", "targetContainerName": "app"});
        json!({"containers": [app()], "ephemeralContainers": [debug]})
    };
    case(spec()).with_sandbox().running("app").check(
        5,
        expect![[r#"
            start debug 0 back-off None
            phase Running
            app running ready restarts=0
            debug ContainerCreating restarts=0
        "#]],
    );
    // An earlier run of the node made it and did not come to start it.
    case(spec())
        .with_sandbox()
        .running("app")
        .container("debug", 0, ContainerState::Created, None)
        .check(
            5,
            expect![[r#"
            remove debug-0
            phase Running
            app running ready restarts=0
            debug ContainerCreating restarts=0
        "#]],
        );
    case(spec())
        .with_sandbox()
        .running("app")
        .ended("debug", 0, 1, 6)
        .check(
            7,
            expect![[r#"
            phase Running
            app running ready restarts=0
            debug Error 1 restarts=0
        "#]],
        );
}

#[test]
fn an_ephemeral_container_whose_record_is_lost_does_not_start_again() {
    let debug = json!({"name": "debug", "image": "tools:1"});
    let mut case = case(json!({"containers": [app()], "ephemeralContainers": [debug]}))
        .with_sandbox()
        .running("app");
    let running = json!({"ephemeralContainerStatuses": [{
        "name": "debug", "image": "tools:1", "imageID": "i", "ready": false, "restartCount": 0,
        "containerID": "navarch://gone", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }]});
    case.pod.status = Some(serde_json::from_value(running).unwrap());
    // Once as it is told, and once as the first look told it.
    for _ in 0..2 {
        let plan = case.plan(1);
        assert!(!plan.actions.iter().any(|a| tell(a).contains("debug")));
        let told = &plan.status.ephemeral_container_statuses.as_ref().unwrap()[0];
        let ended = told.state.as_ref().unwrap().terminated.as_ref().unwrap();
        assert_eq!(ended.exit_code, 137);
        assert_eq!(ended.reason.as_deref(), Some("ContainerStatusUnknown"));
        assert_eq!(told.container_id.as_deref(), Some("navarch://gone"));
        case.pod.status = Some(plan.status);
    }
}

#[test]
fn restarts_are_counted_on_where_the_records_are_lost() {
    let running = json!({"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}});
    let backing_off = json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    for state in [running, backing_off] {
        let mut told = json!({"name": "app", "image": "i", "imageID": "i", "ready": false,
            "restartCount": 2, "containerID": "navarch://gone"});
        told["state"] = state["state"].clone();
        let mut case = case(json!({"containers": [app()]})).with_sandbox();
        case.pod.status =
            Some(serde_json::from_value(json!({"containerStatuses": [told]})).unwrap());
        // Once as it was told before, and once as the first look told it.
        for _ in 0..2 {
            let plan = case.plan(1);
            let starts: Vec<String> = plan.actions.iter().map(tell).collect();
            assert!(
                starts.contains(&"start app 3 back-off None".to_owned()),
                "{starts:?}"
            );
            let status = &plan.status.container_statuses.as_ref().unwrap()[0];
            assert_eq!((status.restart_count, &status.container_id), (3, &None));
            case.pod.status = Some(plan.status);
        }
    }
}
