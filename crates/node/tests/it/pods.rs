use std::sync::atomic::Ordering;

use serde_json::json;

use crate::cluster::{Cluster, is_ready, phase};

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_runs_and_ends() {
    let cluster = Cluster::new();
    let agent = cluster.agent().await;
    cluster
        .create(
            "web",
            json!({"containers": [{"name": "app", "image": "app:1"}]}),
        )
        .await;
    let pod = cluster
        .until("web", |p| phase(p) == "Running" && is_ready(p))
        .await;
    let status = pod.status.unwrap();
    assert_eq!(status.pod_ip.as_deref(), Some("10.244.0.2"));
    assert_eq!(status.host_ip.as_deref(), Some("192.168.0.1"));
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
    assert_eq!(
        status.container_statuses.unwrap()[0].image,
        "docker.io/library/app:1"
    );
    cluster.delete("web").await;
    cluster.until_gone("web").await;
    assert_eq!(cluster.network.count(), 0);
    assert_eq!(*cluster.runtime.log.lock(), ["start app", "stop app 30s"]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn init_containers_run_first_and_sidecars_stay() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    let init = json!([
        {"name": "prepare", "image": "app:1", "command": ["exit", "0"]},
        {"name": "proxy", "image": "app:1", "restartPolicy": "Always"},
    ]);
    cluster.create("job", json!({"restartPolicy": "Never", "initContainers": init, "containers": [{"name": "work", "image": "app:1"}]})).await;
    cluster.until("job", is_ready).await;
    assert_eq!(cluster.runtime.names_of_running(), ["proxy", "work"]);
    cluster.runtime.end("work", 0);
    let pod = cluster.until("job", |p| phase(p) == "Succeeded").await;
    assert_eq!(
        *cluster.runtime.log.lock(),
        [
            "start prepare",
            "start proxy",
            "start work",
            "stop proxy 30s"
        ]
    );
    let ready = pod
        .status
        .unwrap()
        .conditions
        .unwrap()
        .into_iter()
        .find(|c| c.type_ == "Ready")
        .unwrap();
    assert_eq!(ready.reason.as_deref(), Some("PodCompleted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_keeps_ending_backs_off() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    cluster
        .create(
            "bad",
            json!({"containers": [{"name": "app", "image": "app:1", "command": ["exit", "3"]}]}),
        )
        .await;
    let waiting = |p: &k8s_openapi::api::core::v1::Pod| {
        let status = p.status.as_ref()?.container_statuses.as_ref()?.first()?;
        status.state.as_ref()?.waiting.as_ref().cloned()
    };
    let pod = cluster
        .until("bad", |p| {
            waiting(p).is_some_and(|w| w.reason.as_deref() == Some("CrashLoopBackOff"))
        })
        .await;
    let message = waiting(&pod).unwrap().message.unwrap();
    let uid = pod.metadata.uid.clone().unwrap();
    assert_eq!(
        message,
        format!("back-off 10s restarting failed container=app pod=bad_default({uid})")
    );
    let status = &pod
        .status
        .as_ref()
        .unwrap()
        .container_statuses
        .as_ref()
        .unwrap()[0];
    assert_eq!(status.restart_count, 1);
    assert_eq!(
        status
            .last_state
            .as_ref()
            .unwrap()
            .terminated
            .as_ref()
            .unwrap()
            .exit_code,
        3
    );
    assert_eq!(phase(&pod), "Running");
    let told =
        format!("BackOff Back-off restarting failed container app in pod bad_default({uid})");
    cluster.hears(&told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_there() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    cluster
        .create(
            "none",
            json!({"containers": [{"name": "app", "image": "missing:1"}]}),
        )
        .await;
    let reason = |p: &k8s_openapi::api::core::v1::Pod| {
        let status = p.status.as_ref()?.container_statuses.as_ref()?.first()?;
        status.state.as_ref()?.waiting.as_ref()?.reason.clone()
    };
    cluster
        .until("none", |p| reason(p).as_deref() == Some("ErrImagePull"))
        .await;
    cluster
        .until("none", |p| reason(p).as_deref() == Some("ImagePullBackOff"))
        .await;
    for told in [
        "Pulling Pulling image \"missing:1\"",
        "Failed Error: ErrImagePull",
        "BackOff Back-off pulling image \"missing:1\"",
    ] {
        cluster.hears(told).await;
    }
    // An import ends the back-off, which has most of its 10 s before it.
    cluster.runtime.import();
    let started = cluster.until("none", is_ready);
    let limit = std::time::Duration::from_secs(5);
    tokio::time::timeout(limit, started).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_agent_takes_up_what_runs() {
    let cluster = Cluster::new();
    let agent = cluster.agent().await;
    cluster
        .create(
            "web",
            json!({"containers": [{"name": "app", "image": "app:1"}]}),
        )
        .await;
    cluster
        .create(
            "gone",
            json!({"containers": [{"name": "old", "image": "app:1"}]}),
        )
        .await;
    let before = cluster.until("web", is_ready).await;
    cluster.until("gone", is_ready).await;
    agent.stop().await;
    let options = navarch_client::DeleteOptions {
        grace_period: Some(0),
        ..Default::default()
    };
    cluster
        .client
        .delete::<k8s_openapi::api::core::v1::Pod>(Some("default"), "gone", options)
        .await
        .unwrap();
    let agent = cluster.agent().await;
    for _ in 0..500 {
        if cluster.runtime.names_of_running() == ["app"] && cluster.network.count() == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(cluster.runtime.names_of_running(), ["app"]);
    assert_eq!(cluster.pod("web").unwrap().status, before.status);
    assert_eq!(cluster.network.count(), 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_asks_for_too_much_is_refused() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    let resources = json!({"requests": {"cpu": "1000"}});
    cluster
        .create(
            "big",
            json!({"containers": [{"name": "app", "image": "app:1", "resources": resources}]}),
        )
        .await;
    let pod = cluster.until("big", |p| phase(p) == "Failed").await;
    assert_eq!(pod.status.unwrap().reason.as_deref(), Some("OutOfcpu"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_and_probes() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    let lifecycle = json!({"postStart": {"exec": {"command": ["hello"]}}, "preStop": {"exec": {"command": ["bye"]}}});
    let probe = json!({"exec": {"command": ["ready"]}, "periodSeconds": 1});
    let app =
        json!({"name": "app", "image": "app:1", "lifecycle": lifecycle, "readinessProbe": probe});
    cluster.create("web", json!({"containers": [app]})).await;
    cluster.until("web", is_ready).await;
    cluster.delete("web").await;
    cluster.until_gone("web").await;
    let log: Vec<String> = cluster
        .runtime
        .log
        .lock()
        .iter()
        .filter(|l| *l != "exec app ready")
        .cloned()
        .collect();
    assert_eq!(
        log,
        [
            "start app",
            "exec app hello",
            "exec app bye",
            "stop app 30s"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_takes_its_time_runs_once() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    let lifecycle = json!({"preStop": {"exec": {"command": ["sleep"]}}});
    let app = json!({"name": "app", "image": "app:1", "lifecycle": lifecycle});
    cluster.create("web", json!({"containers": [app]})).await;
    cluster.until("web", is_ready).await;
    cluster.delete("web").await;
    cluster.until_gone("web").await;
    let log = cluster.runtime.log.lock().clone();
    let hooks = log.iter().filter(|line| *line == "exec app sleep").count();
    assert_eq!(hooks, 1, "{log:?}");
    let killed = cluster.events().into_iter();
    assert_eq!(killed.filter(|it| it.starts_with("Killing")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_liveness_probe_restarts() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    let probe = json!({"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1});
    cluster
        .create(
            "sick",
            json!({"containers": [{"name": "app", "image": "app:1", "livenessProbe": probe}]}),
        )
        .await;
    let restarted = |p: &k8s_openapi::api::core::v1::Pod| {
        p.status
            .as_ref()
            .and_then(|s| s.container_statuses.as_ref())
            .is_some_and(|s| s[0].restart_count == 1)
    };
    cluster.until("sick", restarted).await;
    let told = "Killing Container app failed liveness probe, will be restarted";
    cluster.hears(told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_run_and_run_again_while_the_api_is_away() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    cluster
        .create(
            "web",
            json!({"containers": [{"name": "app", "image": "app:1"}]}),
        )
        .await;
    cluster.until("web", is_ready).await;
    cluster.api.away.store(true, Ordering::Relaxed);
    cluster.runtime.end("app", 1);
    let starts = || {
        let log = cluster.runtime.log.lock();
        log.iter().filter(|line| *line == "start app").count()
    };
    for _ in 0..500 {
        if starts() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(starts(), 2);
    cluster.api.away.store(false, Ordering::Relaxed);
    let restarted = |p: &k8s_openapi::api::core::v1::Pod| {
        let statuses = p
            .status
            .as_ref()
            .and_then(|s| s.container_statuses.as_ref());
        is_ready(p) && statuses.is_some_and(|s| s[0].restart_count == 1)
    };
    cluster.until("web", restarted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_fills_the_disk_is_put_out() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    let limits = json!({"limits": {"ephemeral-storage": "1Mi"}});
    let app = json!({"name": "app", "image": "app:1", "resources": limits});
    cluster.create("greedy", json!({"containers": [app]})).await;
    let free = json!({"containers": [{"name": "app", "image": "app:1"}]});
    cluster.create("free", free).await;
    cluster.until("greedy", is_ready).await;
    cluster.until("free", is_ready).await;
    cluster.runtime.written.store(2 << 20, Ordering::Relaxed);
    let pod = cluster.until("greedy", |p| phase(p) == "Failed").await;
    let status = pod.status.unwrap();
    assert_eq!(status.reason.as_deref(), Some("Evicted"));
    assert_eq!(
        status.message.as_deref(),
        Some("Container app exceeded its local ephemeral storage limit \"1Mi\". ")
    );
    assert_eq!(phase(&cluster.pod("free").unwrap()), "Running");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_asks_for_users_of_its_own_does_not_get_the_hosts() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    let spec = json!({"hostUsers": false, "containers": [{"name": "app", "image": "app:1"}]});
    cluster.create("web", spec).await;
    cluster
        .hears("FailedCreatePodSandBox Failed to create pod sandbox: this node does not support user namespaces")
        .await;
    assert!(cluster.runtime.log.lock().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pods_that_are_gone_have_left_is_removed() {
    let cluster = Cluster::new();
    let at = |path: &str| cluster.directory.path().join(path);
    std::fs::create_dir_all(at("pods/gone/volumes/x")).unwrap();
    std::fs::create_dir_all(at("logs/pods/default_web_gone/app")).unwrap();
    let _agent = cluster.agent().await;
    cluster
        .create(
            "web",
            json!({"containers": [{"name": "app", "image": "app:1"}]}),
        )
        .await;
    cluster.until("web", is_ready).await;
    assert!(!at("pods/gone").exists());
    assert!(!at("logs/pods/default_web_gone").exists());
}
