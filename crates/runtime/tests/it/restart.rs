//! The agent goes and comes; shims die.

use std::process::{Command, Stdio};
use std::time::Duration;

use navarch_runtime::cri::{ContainerState, ExecRequest, Runtime, SandboxState};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixture::{Fixture, is_alive, is_root, messages, shell};

const AGENT: &str = "NAVARCH_TEST_AGENT";

/// Not a test by itself: the agent that another test kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agent() {
    let Ok(directory) = std::env::var(AGENT) else {
        return;
    };
    let fixture = Fixture::at(directory.into(), "navarch-test-agent", None).await;
    let sandbox = fixture.sandbox().await;
    let mut config = shell(
        "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; [ $((i % 10)) = 0 ] && sleep 0.01; done; exit 11",
    );
    config.stdin = true;
    fixture.start(&sandbox, config).await;
    fixture.shell(&sandbox, "sleep 1000").await;
    // Without capturing, as the test that waits for it has it run.
    #[allow(clippy::print_stdout)]
    {
        println!("up");
    }
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_changes_nothing() {
    if !is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut agent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "restart::agent", "--nocapture"])
        .env(AGENT, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(agent.stdout.take().unwrap()));
    assert!(lines.any(|line| line.unwrap().ends_with("up")));
    agent.kill().unwrap();
    agent.wait().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let fixture = Fixture::at(directory.path().into(), "navarch-test-agent", None).await;
    let sandboxes = fixture.runtime.list_sandboxes().await.unwrap();
    assert_eq!(
        (sandboxes.len(), sandboxes[0].state),
        (1, SandboxState::Ready)
    );
    let mut containers = fixture.runtime.list_containers().await.unwrap();
    containers.sort_by_key(|container| !container.config.stdin);
    assert_eq!(containers.len(), 2);
    for container in &containers {
        assert_eq!(container.state, ContainerState::Running);
        assert!(is_alive(container.pid.unwrap()));
        assert!(container.started_at > 0);
    }
    // The new agent does with them what the old one could.
    let command = ["/bin/busybox", "echo", "here"].map(str::to_owned).to_vec();
    let output = fixture
        .runtime
        .exec_sync(&containers[1].id, command, Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(output.stdout, b"here\n");
    assert_eq!(
        fixture.ended(&containers[0].id).await.exit.unwrap().code,
        11
    );
    let text = messages(&fixture.log_path(&containers[0].config));
    // Both containers write to one log here, but only one writes.
    let expected: String = (1..=3000)
        .map(|number| format!("line {number}\n"))
        .collect();
    assert!(text == expected);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_nobody_saw_is_on_disk() {
    if !is_root() {
        return;
    }
    let mut fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let container = fixture.shell(&sandbox, "sleep 0.3; exit 42").await;
    let created = fixture
        .runtime
        .create_container(&sandbox.id, shell("echo later"))
        .await
        .unwrap();
    fixture.ended(&container.id).await;
    fixture.reopen().await;
    let record = fixture.runtime.container(&container.id).await.unwrap();
    assert_eq!(
        (record.state, record.exit.unwrap().code),
        (ContainerState::Exited, 42)
    );
    assert!(record.finished_at > record.started_at);
    // One that was only made can still be started.
    assert_eq!(
        fixture.runtime.container(&created.id).await.unwrap().state,
        ContainerState::Created
    );
    fixture.runtime.start_container(&created.id).await.unwrap();
    assert_eq!(fixture.ended(&created.id).await.exit.unwrap().code, 0);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_shim_takes_its_pod_with_it() {
    if !is_root() {
        return;
    }
    let mut fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let other = fixture.sandbox().await;
    let container = fixture.shell(&sandbox, "sleep 1000").await;
    let spared = fixture.shell(&other, "sleep 1000").await;
    let attached = fixture
        .runtime
        .attach(
            &container.id,
            ExecRequest {
                stdout: true,
                ..Default::default()
            },
        )
        .await
        .unwrap();
    kill(
        Pid::from_raw(parent(container.pid.unwrap())),
        Signal::SIGKILL,
    )
    .unwrap();
    let record = fixture.ended(&container.id).await;
    assert_eq!(
        (record.state, record.exit.unwrap().code),
        (ContainerState::Unknown, 137)
    );
    assert_eq!(attached.exit.await.unwrap().unwrap(), 137);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!is_alive(container.pid.unwrap()));
    let state = |list: Vec<navarch_runtime::cri::SandboxRecord>, id: &str| {
        list.into_iter()
            .find(|sandbox| sandbox.id == id)
            .unwrap()
            .state
    };
    assert_eq!(
        state(fixture.runtime.list_sandboxes().await.unwrap(), &sandbox.id),
        SandboxState::NotReady
    );
    assert_eq!(
        state(fixture.runtime.list_sandboxes().await.unwrap(), &other.id),
        SandboxState::Ready
    );
    assert!(is_alive(spared.pid.unwrap()));
    // The same, found by an agent that was away when it happened.
    kill(Pid::from_raw(parent(spared.pid.unwrap())), Signal::SIGKILL).unwrap();
    fixture.reopen().await;
    assert_eq!(
        state(fixture.runtime.list_sandboxes().await.unwrap(), &other.id),
        SandboxState::NotReady
    );
    let record = fixture.runtime.container(&spared.id).await.unwrap();
    assert_eq!(
        (record.state, record.exit.unwrap().code),
        (ContainerState::Unknown, 137)
    );
    fixture.runtime.remove_sandbox(&sandbox.id).await.unwrap();
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_shim_leaves_no_shared_process_namespace() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let mut pod = fixture.pod();
    pod.pid = navarch_runtime::cri::NamespaceMode::Pod;
    let sandbox = fixture.runtime.run_sandbox(pod).await.unwrap();
    let container = fixture.shell(&sandbox, "sleep 1000").await;
    let shim = parent(container.pid.unwrap());
    let children = std::fs::read_to_string(format!("/proc/{shim}/task/{shim}/children")).unwrap();
    let all: Vec<i32> = children
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert!(
        all.len() >= 2,
        "the container and process 1 at least: {children}"
    );
    kill(Pid::from_raw(shim), Signal::SIGKILL).unwrap();
    fixture.ended(&container.id).await;
    // The kernel ends process 1 when the containers are reaped, and some hosts' process 1 does that only every other second.
    let mut left = all;
    for _ in 0..200 {
        left.retain(|pid| is_alive(*pid));
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let what = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/status"));
    assert!(
        left.is_empty(),
        "{:?}",
        left.iter().map(what).collect::<Vec<_>>()
    );
    fixture.runtime.remove_sandbox(&sandbox.id).await.unwrap();
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shim_is_small() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let container = fixture.shell(&sandbox, "echo x; sleep 1000").await;
    let status = std::fs::read_to_string(format!(
        "/proc/{}/smaps_rollup",
        parent(container.pid.unwrap())
    ))
    .unwrap();
    let private = |kind: &str| -> u64 {
        status
            .lines()
            .find_map(|line| line.strip_prefix(kind))
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    };
    // Clean pages are the program's file, which the host gives back when it needs them.
    let private = private("Private_Dirty:");
    eprintln!("a shim's private memory: {private} KiB");
    assert!(private < 4096, "{private} KiB");
    fixture.finish().await;
}

fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}
