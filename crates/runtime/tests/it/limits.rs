//! Limits, and what becomes of those who reach them.

use navarch_runtime::cgroup::Hierarchy;
use navarch_runtime::cri::{ContainerConfig, Resources, Runtime};

use crate::fixture::{Fixture, is_root, shell};

fn limited(script: &str, resources: Resources) -> ContainerConfig {
    ContainerConfig {
        resources,
        ..shell(script)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_much_memory() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let hog = limited(
        "x=a; while :; do x=$x$x; done",
        Resources {
            memory_limit: 32 << 20,
            ..Default::default()
        },
    );
    let container = fixture.start(&sandbox, hog).await;
    let exit = fixture.ended(&container.id).await.exit.unwrap();
    assert_eq!(
        (exit.code, exit.oom_killed, exit.reason.as_str()),
        (137, true, "OOMKilled")
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_processes() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let bomb = limited(
        // A shell that cannot have another process ends: this one is not the container's.
        "(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do /bin/busybox sleep 100 & done); exec /bin/busybox sleep 100",
        Resources {
            pids_limit: 8,
            ..Default::default()
        },
    );
    let container = fixture.start(&sandbox, bomb).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let pid = container.pid.unwrap();
    let children =
        std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    assert!(children.split_whitespace().count() < 8, "{children}");
    fixture
        .runtime
        .stop_container(&container.id, std::time::Duration::ZERO)
        .await
        .unwrap();
    fixture.finish().await;
}

/// What programs size themselves by, on either version; and what they must not change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_seen_from_within() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let script = "cd /sys/fs/cgroup; cat memory.max memory/memory.limit_in_bytes pids.max pids/pids.max 2>/dev/null; \
        for file in cgroup.procs pids/cgroup.procs new; do (echo 1 > $file) 2>/dev/null && echo $file is changed; done; true";
    let resources = Resources {
        memory_limit: 64 << 20,
        pids_limit: 50,
        ..Default::default()
    };
    let text = fixture.output(&sandbox, limited(script, resources)).await;
    assert_eq!(text, format!("{}\n50\n", 64 << 20));
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_set_changed_and_measured() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let mut pod = fixture.pod();
    pod.cgroup_parent = "kubepods/burstable/poduid".into();
    pod.resources = Resources {
        memory_limit: 512 << 20,
        ..Default::default()
    };
    let sandbox = fixture.runtime.run_sandbox(pod).await.unwrap();
    let resources = Resources {
        cpu_shares: 256,
        cpu_quota: 20_000,
        memory_limit: 64 << 20,
        pids_limit: 50,
        ..Default::default()
    };
    let container = fixture
        .start(&sandbox, limited("while :; do :; done", resources))
        .await;
    let controllers =
        std::fs::read_to_string(format!("/proc/{}/cgroup", container.pid.unwrap())).unwrap();
    let expected = format!(
        "/{}/kubepods/burstable/poduid/{}",
        fixture.options.cgroup, container.id
    );
    assert!(controllers.contains(&expected), "{controllers}");
    if controllers.contains("cpu:") {
        let file = |controller: &str, name: &str| {
            std::fs::read_to_string(format!("/sys/fs/cgroup/{controller}{expected}/{name}"))
                .unwrap()
        };
        assert_eq!(file("cpu", "cpu.shares"), "256\n");
        assert_eq!(file("cpu", "cpu.cfs_quota_us"), "20000\n");
        assert_eq!(
            file("memory", "memory.limit_in_bytes"),
            format!("{}\n", 64 << 20)
        );
        assert_eq!(
            file("memory", "../memory.limit_in_bytes"),
            format!("{}\n", 512 << 20)
        );
        assert_eq!(file("pids", "pids.max"), "50\n");
        fixture
            .runtime
            .update_container(
                &container.id,
                Resources {
                    memory_limit: 96 << 20,
                    ..Default::default()
                },
                [("given".to_owned(), "96Mi".to_owned())].into(),
            )
            .await
            .unwrap();
        assert_eq!(
            file("memory", "memory.limit_in_bytes"),
            format!("{}\n", 96 << 20)
        );
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let (memory, cpu) = fixture
        .runtime
        .container_usage(&container.id)
        .await
        .unwrap()
        .unwrap();
    assert!(memory > 4096 && cpu > 10_000_000, "{memory} {cpu}");
    fixture
        .runtime
        .stop_container(&container.id, std::time::Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        fixture
            .runtime
            .container_usage(&container.id)
            .await
            .unwrap(),
        None
    );
    fixture.finish().await;
}

/// On the version 2 hierarchy that stands empty beside version 1: without controllers, but with all that has to do with processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_2() {
    let mount = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .map(std::path::PathBuf::from)
        .into_iter()
        .find(|mount| mount.join("cgroup.controllers").exists());
    let (true, Some(mount)) = (is_root(), mount) else {
        return;
    };
    let fixture = Fixture::on(Some(Hierarchy::Unified(mount.clone()))).await;
    let sandbox = fixture.sandbox().await;
    let text = fixture.output(&sandbox, shell("/bin/busybox grep 0:: /proc/self/cgroup; ls /sys/fs/cgroup | /bin/busybox grep procs; touch /sys/fs/cgroup/x 2>/dev/null || echo fixed")).await;
    assert_eq!(text, "0::/\ncgroup.procs\nfixed\n");
    // Nodes may be made, but only the usual devices used.
    let devices = "/bin/busybox mknod /log c 1 11 && (: > /log) 2>/dev/null && echo log; head -c 1 /dev/zero > /dev/null && echo zero";
    let text = fixture.output(&sandbox, shell(devices)).await;
    assert_eq!(text, "zero\n");
    let container = fixture
        .shell(
            &sandbox,
            "for i in 1 2 3; do /bin/busybox sleep 100 & done; sleep 100; true",
        )
        .await;
    let own = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(own(container.pid.unwrap()).contains(&format!(
        "0::/{}/{}/{}\n",
        fixture.options.cgroup, sandbox.id, container.id
    )));
    let exec = fixture.runtime.exec_sync(
        &container.id,
        ["/bin/busybox", "grep", "0::", "/proc/self/cgroup"]
            .map(str::to_owned)
            .to_vec(),
        std::time::Duration::from_secs(5),
    );
    assert_eq!(exec.await.unwrap().stdout, b"0::/\n");
    fixture
        .runtime
        .stop_container(&container.id, std::time::Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        fixture
            .runtime
            .container(&container.id)
            .await
            .unwrap()
            .exit
            .unwrap()
            .code,
        137
    );
    fixture.runtime.remove_sandbox(&sandbox.id).await.unwrap();
    assert!(
        !mount
            .join(&fixture.options.cgroup)
            .join(&sandbox.id)
            .exists()
    );
    fixture.finish().await;
}
