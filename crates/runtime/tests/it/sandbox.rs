//! What a pod's containers share, and what they do not.

use std::time::Duration;

use navarch_runtime::cri::{DnsConfig, Error, Mount, NamespaceMode, Runtime, SandboxState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fixture::{Fixture, is_alive, is_root, shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_network_and_memory() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let mut pod = fixture.pod();
    pod.dns = Some(DnsConfig {
        servers: vec!["10.96.0.10".into()],
        searches: vec!["svc".into(), "local".into()],
        options: vec!["ndots:5".into()],
    });
    pod.sysctls = [
        (
            "net.ipv4.ip_unprivileged_port_start".to_owned(),
            "99".to_owned(),
        ),
        ("kernel.msgmax".to_owned(), "9000".to_owned()),
    ]
    .into();
    let sandbox = fixture.runtime.run_sandbox(pod).await.unwrap();
    let netns = sandbox.netns.clone().unwrap();
    assert!(netns.exists());
    let script = "hostname; cat /etc/hostname; cat /etc/resolv.conf; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax; cat /sys/class/net/lo/flags; echo shared > /dev/shm/note";
    let text = fixture.output(&sandbox, shell(script)).await;
    assert_eq!(
        text,
        "pod-host\npod-host\nsearch svc local\nnameserver 10.96.0.10\noptions ndots:5\n99\n9000\n0x9\n"
    );
    assert_eq!(
        fixture
            .output(&sandbox, shell("cat /dev/shm/note; ls /sys/class/net"))
            .await,
        "shared\nlo\n"
    );
    assert_ne!(nix::unistd::gethostname().unwrap(), "pod-host");
    fixture.runtime.remove_sandbox(&sandbox.id).await.unwrap();
    assert!(!netns.exists());
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shared_processes() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let mut pod = fixture.pod();
    pod.pid = NamespaceMode::Pod;
    let sandbox = fixture.runtime.run_sandbox(pod).await.unwrap();
    let other = fixture.shell(&sandbox, "sleep 1234").await;
    let text = fixture.output(&sandbox, shell("ps")).await;
    assert!(
        text.contains("sleep 1234") && text.contains("navarch-init"),
        "{text}"
    );
    // What a container leaves behind ends with it, though the process namespace goes on.
    fixture
        .output(&sandbox, shell("/bin/busybox sleep 4321 & true"))
        .await;
    let text = fixture.output(&sandbox, shell("ps")).await;
    assert!(
        text.contains("sleep 1234") && !text.contains("sleep 4321"),
        "{text}"
    );
    fixture
        .runtime
        .stop_container(&other.id, Duration::ZERO)
        .await
        .unwrap();
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_sees_its_target() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let target = fixture.shell(&sandbox, "sleep 1234").await;
    let mut config = shell("ps");
    config.target = Some(target.id.clone());
    let text = fixture.output(&sandbox, config.clone()).await;
    assert!(text.contains("sleep 1234"), "{text}");
    fixture
        .runtime
        .stop_container(&target.id, Duration::ZERO)
        .await
        .unwrap();
    let refused = fixture.runtime.create_container(&sandbox.id, config).await;
    assert!(refused.unwrap_err().to_string().contains("is not running"));
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nodes_own_namespaces() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let mut pod = fixture.pod();
    (pod.network, pod.pid, pod.ipc, pod.hostname) = (
        NamespaceMode::Node,
        NamespaceMode::Node,
        NamespaceMode::Node,
        String::new(),
    );
    let sandbox = fixture.runtime.run_sandbox(pod).await.unwrap();
    assert_eq!(sandbox.netns, None);
    let text = fixture
        .output(
            &sandbox,
            shell(
                "hostname; for n in net pid ipc; do /bin/busybox readlink /proc/self/ns/$n; done",
            ),
        )
        .await;
    let link = |name: &str| {
        std::fs::read_link(format!("/proc/self/ns/{name}"))
            .unwrap()
            .display()
            .to_string()
    };
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    assert_eq!(
        text,
        format!(
            "{host}\n{}\n{}\n{}\n",
            link("net"),
            link("pid"),
            link("ipc")
        )
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_are_forwarded() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    fixture
        .shell(&sandbox, "/bin/busybox nc -ll -p 8080 -e /bin/cat")
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut stream = fixture
        .runtime
        .port_forward(&sandbox.id, 8080)
        .await
        .unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
    let Err(error) = fixture.runtime.port_forward(&sandbox.id, 8081).await else {
        panic!("connected")
    };
    assert!(
        error
            .to_string()
            .contains("failed to connect to localhost:8081"),
        "{error}"
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_paths_are_mounted() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let host = fixture.directory().join("volume");
    std::fs::create_dir(&host).unwrap();
    std::fs::write(host.join("in"), "from the host").unwrap();
    let mut config = shell(
        "cat /data/in; echo; echo back > /data/out; (echo no > /frozen/x) 2>/dev/null || echo frozen; pwd",
    );
    let mount = |to: &str, readonly| Mount {
        host_path: host.clone(),
        container_path: to.into(),
        readonly,
        ..Default::default()
    };
    config.mounts = vec![mount("/data", false), mount("/frozen", true)];
    config.working_dir = "/made/for/us".into();
    assert_eq!(
        fixture.output(&sandbox, config).await,
        "from the host\nfrozen\n/made/for/us\n"
    );
    assert_eq!(std::fs::read_to_string(host.join("out")).unwrap(), "back\n");
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_sandbox_takes_no_containers() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let container = fixture.shell(&sandbox, "sleep 1000").await;
    let is_namespace = |path: &std::path::Path| {
        let found = nix::sys::statfs::statfs(path);
        found.is_ok_and(|it| it.filesystem_type() == nix::sys::statfs::NSFS_MAGIC)
    };
    let netns = sandbox.netns.as_deref().unwrap();
    fixture.runtime.end_sandbox(&sandbox.id).await.unwrap();
    let ended = fixture.runtime.container(&container.id).await.unwrap();
    assert!(
        ended.exit.is_some() && is_namespace(netns),
        "its network is taken away there"
    );
    fixture.runtime.stop_sandbox(&sandbox.id).await.unwrap();
    assert!(!netns.exists(), "no file is taken for a namespace");
    fixture.runtime.stop_sandbox(&sandbox.id).await.unwrap();
    let exit = fixture
        .runtime
        .container(&container.id)
        .await
        .unwrap()
        .exit
        .unwrap();
    assert_eq!((exit.code, exit.reason.as_str()), (137, "Error"));
    assert_eq!(
        fixture.runtime.list_sandboxes().await.unwrap()[0].state,
        SandboxState::NotReady
    );
    assert!(matches!(
        fixture
            .runtime
            .create_container(&sandbox.id, shell("true"))
            .await,
        Err(Error::State(_))
    ));
    fixture.runtime.remove_sandbox(&sandbox.id).await.unwrap();
    fixture.runtime.remove_sandbox(&sandbox.id).await.unwrap();
    assert!(fixture.runtime.list_containers().await.unwrap().is_empty());
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_sysctl_fails_the_sandbox_and_leaves_nothing() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let mut pod = fixture.pod();
    pod.sysctls = [("net.no.such".to_owned(), "1".to_owned())].into();
    let error = fixture.runtime.run_sandbox(pod).await.unwrap_err();
    assert!(
        error.to_string().contains("set sysctl net.no.such=1"),
        "{error}"
    );
    assert!(fixture.runtime.list_sandboxes().await.unwrap().is_empty());
    assert_eq!(
        std::fs::read_dir(fixture.options.run.join("sandboxes"))
            .unwrap()
            .count(),
        0
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_sandbox_of_a_pod_outlives_the_old_one() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let mut pod = fixture.pod();
    pod.cgroup_parent = "kubepods/besteffort/poduid".into();
    let old = fixture.runtime.run_sandbox(pod.clone()).await.unwrap();
    let gone = fixture.shell(&old, "sleep 1000").await;
    let new = fixture.runtime.run_sandbox(pod).await.unwrap();
    let stays = fixture.shell(&new, "sleep 1000").await;
    fixture.runtime.remove_sandbox(&old.id).await.unwrap();
    assert!(!is_alive(gone.pid.unwrap()) && is_alive(stays.pid.unwrap()));
    fixture.finish().await;
}
