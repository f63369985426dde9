use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::cluster::{Cluster, is_ready, phase};

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_gets_other_resources_when_there_is_room() {
    let cluster = Cluster::new();
    let agent = cluster.agent().await;
    let asking = |name: &str, memory: String| json!({"restartPolicy": "OnFailure", "containers": [{"name": name, "image": "app:1", "resources": {"requests": {"memory": memory}}}]});
    let node = cluster.node().await;
    let allocatable = node.status.unwrap().allocatable.unwrap()["memory"]
        .0
        .clone();
    let all: u64 = allocatable.trim_end_matches("Ki").parse().unwrap();
    let half = |more: u64| format!("{}Ki", all / 2 + more);
    cluster.create("one", asking("first", half(0))).await;
    cluster.create("two", asking("app", "1Ki".to_owned())).await;
    cluster.until("one", is_ready).await;
    cluster.until("two", is_ready).await;
    cluster
        .resize("two", "app", json!({"requests": {"memory": half(1024)}}))
        .await;
    let condition = |p: &Pod, kind: &str| {
        let all = p.status.as_ref()?.conditions.as_ref()?;
        all.iter().find(|c| c.type_ == kind).cloned()
    };
    let pod = cluster
        .until("two", |p| condition(p, "PodResizePending").is_some())
        .await;
    let pending = condition(&pod, "PodResizePending").unwrap();
    assert_eq!(pending.reason.as_deref(), Some("Deferred"));
    assert!(
        pending
            .message
            .unwrap()
            .starts_with("Node didn't have enough resource: memory, requested: "),
    );
    let given = |p: &Pod| {
        let status = p.status.as_ref()?.container_statuses.as_ref()?.first()?;
        Some((
            status.allocated_resources.as_ref()?["memory"].0.clone(),
            status.resources.as_ref()?.requests.as_ref()?["memory"]
                .0
                .clone(),
        ))
    };
    assert_eq!(given(&pod), Some(("1Ki".into(), "1Ki".into())));
    // A new agent does not take the node for an empty one.
    agent.stop().await;
    let _agent = cluster.agent().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let pod = cluster.pod("two").unwrap();
    assert_eq!(given(&pod), Some(("1Ki".into(), "1Ki".into())));
    assert!(condition(&pod, "PodResizePending").is_some());
    // It waits for the pod's end, not for its object to go.
    cluster.runtime.end("first", 0);
    cluster.until("one", |p| phase(p) == "Succeeded").await;
    let pod = cluster
        .until("two", |p| given(p) == Some((half(1024), half(1024))))
        .await;
    cluster
        .until("two", |p| condition(p, "PodResizeInProgress").is_none())
        .await;
    assert_eq!(condition(&pod, "PodResizePending"), None);
    let done = format!(
        r#"ResizeCompleted Pod resize completed: {{"containers":[{{"name":"app","resources":{{"requests":{{"memory":"{}"}}}}}}],"generation":2}}"#,
        half(1024)
    );
    cluster.hears(&done).await;
    for before in [
        "ResizeDeferred Pod resize Deferred: {",
        "ResizeStarted Pod resize started: {",
    ] {
        assert!(cluster.events().iter().any(|told| told.starts_with(before)));
    }
}
