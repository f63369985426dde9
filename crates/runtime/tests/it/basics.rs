//! Containers from beginning to end.

use std::time::{Duration, Instant};

use navarch_runtime::cri::{ContainerState, Error, Runtime};

use crate::fixture::{Fixture, is_alive, is_root, messages, shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_logs_and_ends() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let config = shell("echo out; echo err >&2; printf tail; exit 3");
    let log = fixture.log_path(&config);
    let started = fixture.start(&sandbox, config).await;
    assert_eq!(started.state, ContainerState::Running);
    let ended = fixture.ended(&started.id).await;
    let exit = ended.exit.unwrap();
    assert_eq!(
        (ended.state, exit.code, exit.signal, exit.reason.as_str()),
        (ContainerState::Exited, 3, 0, "Error")
    );
    assert!(
        ended.started_at > 0
            && ended.finished_at >= ended.started_at
            && ended.created_at <= ended.started_at
    );
    let text = std::fs::read_to_string(&log).unwrap();
    let mut kinds: Vec<&str> = text
        .lines()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["stderr F err", "stdout F out", "stdout P tail"]);
    fixture.runtime.remove_container(&started.id).await.unwrap();
    fixture.runtime.remove_container(&started.id).await.unwrap();
    assert!(matches!(
        fixture.runtime.container(&started.id).await,
        Err(Error::NotFound(_))
    ));
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stops_by_signal_and_by_force() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let polite = fixture
        .shell(
            &sandbox,
            "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done",
        )
        .await;
    let stubborn = fixture
        .shell(&sandbox, "trap '' TERM; while :; do sleep 0.05; done")
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    fixture
        .runtime
        .stop_container(&polite.id, Duration::from_secs(10))
        .await
        .unwrap();
    assert_eq!(
        fixture
            .runtime
            .container(&polite.id)
            .await
            .unwrap()
            .exit
            .unwrap()
            .code,
        7
    );
    let before = Instant::now();
    fixture
        .runtime
        .stop_container(&stubborn.id, Duration::from_millis(500))
        .await
        .unwrap();
    assert!(
        before.elapsed() >= Duration::from_millis(500) && before.elapsed() < Duration::from_secs(5)
    );
    let exit = fixture
        .runtime
        .container(&stubborn.id)
        .await
        .unwrap()
        .exit
        .unwrap();
    assert_eq!((exit.code, exit.signal), (137, 9));
    assert!(!is_alive(stubborn.pid.unwrap()));
    fixture
        .runtime
        .stop_container(&stubborn.id, Duration::ZERO)
        .await
        .unwrap();
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_why_a_start_failed() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    for (command, code, text) in [
        (
            "nothing",
            128,
            "exec: \"nothing\": executable file not found in $PATH",
        ),
        (
            "/bin/nothing",
            128,
            "exec: \"/bin/nothing\": stat /bin/nothing: no such file or directory",
        ),
        ("/bin/plain", 128, "exec: \"/bin/plain\": permission denied"),
        ("/etc", 128, "exec: \"/etc\": is a directory"),
    ] {
        let mut config = shell("");
        config.command = vec![command.to_owned()];
        let made = fixture
            .runtime
            .create_container(&sandbox.id, config)
            .await
            .unwrap();
        let Err(Error::Invalid(message)) = fixture.runtime.start_container(&made.id).await else {
            panic!("{command} started")
        };
        assert!(message.contains(text), "{message}");
        let record = fixture.runtime.container(&made.id).await.unwrap();
        let exit = record.exit.unwrap();
        assert_eq!(
            (record.state, exit.code, exit.reason.as_str()),
            (ContainerState::Exited, code, "StartError")
        );
        fixture.runtime.remove_container(&made.id).await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quick_end_is_not_missed() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    for round in 0..20 {
        let mut config = shell("");
        config.command = vec!["/bin/busybox".into(), "true".into()];
        config.log_path = format!("quick/{round}.log").into();
        let record = fixture.start(&sandbox, config).await;
        assert_eq!(fixture.ended(&record.id).await.exit.unwrap().code, 0);
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_output_is_all_logged() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let config = shell("/bin/busybox seq 1 200000");
    let log = fixture.log_path(&config);
    let record = fixture.start(&sandbox, config).await;
    fixture.ended(&record.id).await;
    let text = messages(&log);
    let expected: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(text.len(), expected.len());
    assert!(text == expected);
    fixture.finish().await;
}
