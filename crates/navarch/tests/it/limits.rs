//! Containers that take what they can get: the pod suffers, the node and the API do not.

use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, IMAGE, until};

/// The longest that the API may take for a small answer beside a greedy container.
const ANSWER: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_greedy_container_harms_only_its_pod() {
    let cluster = Cluster::start();
    let client = cluster.client().await;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    memory(&pods).await;
    answers(&client).await;
    storage(&pods).await;
    answers(&client).await;
    processes(&pods, &client, &cluster.data()).await;
    answers(&client).await;
}

async fn create(pods: &Api<Pod>, name: &str, script: &str, more: Value, volumes: Value) {
    let mut container = json!({"name": "main", "image": IMAGE, "command": ["sh", "-c", script]});
    container
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let spec = json!({
        "restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container], "volumes": volumes,
    });
    let pod = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
}

async fn memory(pods: &Api<Pod>) {
    let limit = json!({"resources": {"limits": {"memory": "32Mi"}}});
    let script = "dd if=/dev/zero of=/dev/null bs=200M count=5";
    create(pods, "hog", &format!("exec {script}"), limit, json!([])).await;
    let ended = until(pods, "hog", |pod| {
        let status = pod?.status.as_ref()?.container_statuses.as_ref()?.first()?;
        status.state.as_ref()?.terminated.clone()
    })
    .await;
    assert_eq!(
        (ended.reason.as_deref(), ended.exit_code),
        (Some("OOMKilled"), 137)
    );
}

async fn storage(pods: &Api<Pod>) {
    let mount = json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]});
    let volume = json!([{"name": "v", "emptyDir": {"sizeLimit": "4Mi"}}]);
    let script = "dd if=/dev/zero of=/v/file bs=1M count=32; exec sleep 3600";
    create(pods, "filler", script, mount, volume).await;
    let status = until(pods, "filler", |pod| {
        let status = pod?.status.clone()?;
        (status.phase.as_deref() == Some("Failed")).then_some(status)
    })
    .await;
    assert_eq!(status.reason.as_deref(), Some("Evicted"), "{status:?}");
    let message = status.message.unwrap_or_default();
    assert!(
        message.contains(r#"Usage of EmptyDir volume "v" exceeds the limit "4Mi""#),
        "{message}"
    );
}

/// A fork bomb runs into the node's limit of processes, and can be deleted.
async fn processes(pods: &Api<Pod>, client: &kube::Client, data: &Path) {
    let script = "bomb() { bomb | bomb & }; (bomb); exec sleep 3600";
    let limit = json!({"resources": {"limits": {"memory": "256Mi", "cpu": "500m"}}});
    create(pods, "bomb", script, limit, json!([])).await;
    until(pods, "bomb", |pod| {
        let phase = pod?.status.as_ref()?.phase.clone()?;
        (phase != "Pending").then_some(())
    })
    .await;
    let most = most_processes(data);
    assert!(
        most > 0 && most <= 4096,
        "the pod may have {most} processes"
    );
    answers(client).await;
    // Another pod starts and ends beside it.
    create(pods, "beside", "echo fine", json!({}), json!([])).await;
    until(pods, "beside", |pod| {
        (pod?.status.as_ref()?.phase.as_deref() == Some("Succeeded")).then_some(())
    })
    .await;
    answers(client).await;
    pods.delete("bomb", &DeleteParams::default()).await.unwrap();
    until(pods, "bomb", |pod| pod.is_none().then_some(())).await;
}

/// The greatest limit of processes among the cluster's pods, as the kernel has it.
fn most_processes(data: &Path) -> u64 {
    let host = std::fs::read(data.join("host.json")).unwrap();
    let host: Value = serde_json::from_slice(&host).unwrap();
    let group = host["cgroup"].as_str().unwrap();
    let mut limits = Vec::new();
    let mut directories: Vec<_> = ["pids", "unified", ""]
        .map(|hierarchy| Path::new("/sys/fs/cgroup").join(hierarchy).join(group))
        .into();
    while let Some(directory) = directories.pop() {
        let limit = std::fs::read_to_string(directory.join("pids.max")).unwrap_or_default();
        limits.extend(limit.trim().parse::<u64>().ok());
        let below = std::fs::read_dir(directory).into_iter().flatten().flatten();
        directories.extend(below.map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    limits.into_iter().max().unwrap_or(0)
}

/// The API reads and writes, and the node is ready.
async fn answers(client: &kube::Client) {
    let start = Instant::now();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let map = serde_json::from_value(json!({"metadata": {"generateName": "m-"}})).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    let nodes: Api<Node> = Api::all(client.clone());
    for node in nodes.list(&ListParams::default()).await.unwrap() {
        let conditions = node.status.unwrap().conditions.unwrap_or_default();
        let ready = conditions
            .iter()
            .find(|condition| condition.type_ == "Ready");
        assert_eq!(
            ready.map(|condition| condition.status.as_str()),
            Some("True")
        );
    }
    let took = start.elapsed();
    assert!(took < ANSWER, "the API took {took:?}");
}
