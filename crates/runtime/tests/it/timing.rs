//! The budget of a pod's start.

use std::time::{Duration, Instant};

use navarch_runtime::cri::{Runtime, SecurityContext};

use crate::fixture::{Fixture, is_root, shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_starts_in_time() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let (mut sandboxes, mut creates, mut starts, mut all) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..20 {
        // Apart, so that no pod profits from what the kernel did for the one before.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begin = Instant::now();
        let sandbox = fixture.sandbox().await;
        let made = begin.elapsed();
        let mut config = shell("sleep 1000");
        config.security = SecurityContext {
            seccomp_profile: "RuntimeDefault".into(),
            ..Default::default()
        };
        let container = fixture
            .runtime
            .create_container(&sandbox.id, config)
            .await
            .unwrap();
        let created = begin.elapsed();
        fixture
            .runtime
            .start_container(&container.id)
            .await
            .unwrap();
        let started = begin.elapsed();
        sandboxes.push(made);
        creates.push(created - made);
        starts.push(started - created);
        all.push(started);
        fixture.runtime.remove_sandbox(&sandbox.id).await.unwrap();
    }
    let middle = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let all = middle(&mut all);
    eprintln!(
        "sandbox {:?} create {:?} start {:?} all {all:?}",
        middle(&mut sandboxes),
        middle(&mut creates),
        middle(&mut starts)
    );
    // The budget is 30 ms for a release build on a quiet machine.
    assert!(all < Duration::from_millis(300), "{all:?}");
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_pods_at_once() {
    if !is_root() {
        return;
    }
    const PODS: usize = 40;
    let fixture = std::sync::Arc::new(Fixture::new().await);
    let begin = Instant::now();
    let mut pods = tokio::task::JoinSet::new();
    for number in 0..PODS {
        let fixture = std::sync::Arc::clone(&fixture);
        pods.spawn(async move {
            let sandbox = fixture.sandbox().await;
            let mut config = shell("echo up; sleep 1000");
            config.log_path = format!("{number}.log").into();
            let record = fixture.start(&sandbox, config).await;
            (sandbox.id, record.id)
        });
    }
    let started = pods.join_all().await;
    #[allow(clippy::cast_precision_loss)]
    let rate = PODS as f64 / begin.elapsed().as_secs_f64();
    eprintln!("{rate:.0} pods/s");
    assert!(rate > 5.0, "{rate}");
    let times = {
        let mut times = Vec::new();
        for (_, container) in &started {
            let begin = Instant::now();
            let command = ["/bin/busybox", "true"].map(str::to_owned).to_vec();
            let output = fixture
                .runtime
                .exec_sync(container, command, Duration::from_secs(5))
                .await
                .unwrap();
            assert_eq!(output.code, 0);
            times.push(begin.elapsed());
        }
        times.sort();
        times
    };
    eprintln!("exec {:?}", times[PODS / 2]);
    let begin = Instant::now();
    let mut removals = tokio::task::JoinSet::new();
    for (sandbox, _) in started {
        let fixture = std::sync::Arc::clone(&fixture);
        removals.spawn(async move { fixture.runtime.remove_sandbox(&sandbox).await.unwrap() });
    }
    removals.join_all().await;
    eprintln!("removed in {:?}", begin.elapsed());
    let Ok(fixture) = std::sync::Arc::try_unwrap(fixture) else {
        panic!("in use")
    };
    fixture.finish().await;
}
