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
