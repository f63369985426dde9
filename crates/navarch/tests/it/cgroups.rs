//! What a pod asks for, as the kernel has it: on both versions of control groups.

use std::path::Path;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, IMAGE, until};
use crate::kills::containers::group;

/// A container's or a pod's values. Memory: bytes; CPU time: microseconds of each tenth of a second.
struct Wanted {
    shares: u64,
    weight: u64,
    quota: Option<u64>,
    memory: Option<u64>,
    processes: Option<u64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_get_what_they_ask_for() {
    let cluster = Cluster::start();
    let pods: Api<Pod> = Api::default_namespaced(cluster.client().await);
    let resources = json!({"requests": {"cpu": "250m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}});
    let burstable = create(&pods, "burstable", &resources).await;
    let guaranteed = json!({"limits": {"cpu": "1500m", "memory": "32Mi"}});
    let guaranteed = create(&pods, "guaranteed", &guaranteed).await;
    let best = create(&pods, "best", &json!({})).await;

    let group = group(&cluster.data());
    let at = |tier: &str, (pod, container): &(String, String)| {
        let pod = format!("{group}/kubepods{tier}/pod{pod}");
        (format!("{pod}/{container}"), pod)
    };
    let (container, pod) = at("/burstable", &burstable);
    let limited = |processes| Wanted {
        shares: 256,
        weight: 35,
        quota: Some(50_000),
        memory: Some(64 << 20),
        processes,
    };
    check(&container, &limited(None));
    check(&pod, &limited(Some(4096)));
    let (container, _) = at("", &guaranteed);
    check(
        &container,
        &Wanted {
            shares: 1536,
            weight: 138,
            quota: Some(150_000),
            memory: Some(32 << 20),
            processes: None,
        },
    );
    let (container, pod) = at("/besteffort", &best);
    let least = |processes| Wanted {
        shares: 2,
        weight: 1,
        quota: None,
        memory: None,
        processes,
    };
    check(&container, &least(None));
    check(&pod, &least(Some(4096)));

    resize(&pods, "burstable", &burstable.1).await;
    let (container, pod) = at("/burstable", &burstable);
    let resized = |processes| Wanted {
        shares: 512,
        weight: 59,
        quota: Some(100_000),
        memory: Some(48 << 20),
        processes,
    };
    check(&container, &resized(None));
    check(&pod, &resized(Some(4096)));
    let status = too_small(&pods, "burstable").await;
    assert!(
        status.starts_with("cannot decrease memory limits: [attempting to set pod memory limit (4096) below current usage ("),
        "{status}"
    );
    check(&container, &resized(None));
}

/// Gives a running container more CPU and less memory; it runs on.
async fn resize(pods: &Api<Pod>, name: &str, container: &str) {
    let resources = json!({"requests": {"cpu": "500m", "memory": "16Mi"}, "limits": {"cpu": "1", "memory": "48Mi"}});
    ask(pods, name, &resources).await;
    let (id, restarts) = until(pods, name, |pod| {
        let status = pod?.status.as_ref()?;
        let conditions = status.conditions.as_ref()?;
        let told = status.container_statuses.as_ref()?.first()?;
        let has = serde_json::to_value(told.resources.as_ref()?).unwrap();
        let done = has == resources && !conditions.iter().any(|c| c.type_.starts_with("PodResize"));
        done.then(|| (told.container_id.clone().unwrap(), told.restart_count))
    })
    .await;
    assert_eq!((id, restarts), (format!("navarch://{container}"), 0));
}

/// Asks for less memory than is in use. Returns why it is not given.
async fn too_small(pods: &Api<Pod>, name: &str) -> String {
    let resources = json!({"requests": {"memory": "1Ki"}, "limits": {"memory": "4Ki"}});
    ask(pods, name, &resources).await;
    until(pods, name, |pod| {
        let conditions = pod?.status.as_ref()?.conditions.as_ref()?;
        let told = conditions
            .iter()
            .find(|c| c.type_ == "PodResizeInProgress")?;
        (told.reason.as_deref() == Some("Error")).then(|| told.message.clone())?
    })
    .await
}

async fn ask(pods: &Api<Pod>, name: &str, resources: &Value) {
    let patch = json!({"spec": {"containers": [{"name": "main", "resources": resources}]}});
    let (patch, with) = (Patch::Strategic(patch), PatchParams::default());
    (pods.patch_subresource("resize", name, &with, &patch))
        .await
        .unwrap();
}

/// Returns the pod's uid and its container's id.
async fn create(pods: &Api<Pod>, name: &str, resources: &Value) -> (String, String) {
    let container = json!({"name": "main", "image": IMAGE, "command": ["sleep", "3600"], "resources": resources});
    let pod = json!({"metadata": {"name": name}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}});
    let pod = serde_json::from_value(pod).unwrap();
    let uid = pods.create(&PostParams::default(), &pod).await.unwrap();
    let id = until(pods, name, |pod| {
        let status = pod?.status.as_ref()?.container_statuses.as_ref()?.first()?;
        status.state.as_ref()?.running.as_ref()?;
        Some(status.container_id.as_ref()?.split("//").nth(1)?.to_owned())
    });
    (uid.metadata.uid.unwrap(), id.await)
}

fn check(group: &str, wanted: &Wanted) {
    let number = |value: Option<u64>, none: &str| value.map_or(none.to_owned(), |v| v.to_string());
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        let read = |file: &str| read(&Path::new("/sys/fs/cgroup").join(group).join(file));
        assert_eq!(read("cpu.weight"), wanted.weight.to_string(), "{group}");
        assert_eq!(
            read("cpu.max"),
            format!("{} 100000", number(wanted.quota, "max")),
            "{group}"
        );
        assert_eq!(read("memory.max"), number(wanted.memory, "max"), "{group}");
        assert_eq!(read("pids.max"), number(wanted.processes, "max"), "{group}");
    } else {
        let read = |controller: &str, file: &str| {
            read(
                &Path::new("/sys/fs/cgroup")
                    .join(controller)
                    .join(group)
                    .join(file),
            )
        };
        assert_eq!(
            read("cpu", "cpu.shares"),
            wanted.shares.to_string(),
            "{group}"
        );
        assert_eq!(
            read("cpu", "cpu.cfs_quota_us"),
            number(wanted.quota, "-1"),
            "{group}"
        );
        let memory = read("memory", "memory.limit_in_bytes");
        // Without a limit it is the largest number of whole pages.
        let limited = memory.parse::<u64>().unwrap() < u64::MAX / 4;
        assert_eq!(
            limited.then_some(memory),
            wanted.memory.map(|v| v.to_string()),
            "{group}"
        );
        assert_eq!(
            read("pids", "pids.max"),
            number(wanted.processes, "max"),
            "{group}"
        );
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .trim()
        .to_owned()
}
