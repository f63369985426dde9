//! Ephemeral containers, as `kubectl debug` adds them, on real containers.

use k8s_openapi::api::core::v1::{EphemeralContainer, Pod};
use serde_json::{Value, json};

use crate::cluster::is_ready;
use crate::real::{Node, logs, shell};

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_added_sees_its_target_and_runs_once() {
    let Some(node) = Node::new().await else {
        return;
    };
    let cluster = node.cluster();
    let agent = node.agent().await;
    cluster.create("web", waiting()).await;
    let pod = cluster.until("web", is_ready).await;
    let mut debug = shell("debug", "/bin/busybox ps; exit 3");
    debug["targetContainerName"] = json!("app");
    let debug: EphemeralContainer = serde_json::from_value(debug).unwrap();
    let mut changed = pod.clone();
    changed.spec.as_mut().unwrap().ephemeral_containers = Some(vec![debug]);
    node.client.update(changed).await.unwrap();
    let pod = cluster.until("web", |pod| end(pod) == Some(3)).await;
    let text = logs(&agent.api(), "web", "debug", false).await;
    assert!(text.contains("sleep 4711"), "{text}");
    let told = pod.status.clone().unwrap().ephemeral_container_statuses;
    // Whatever happens to the pod from here on.
    let mut changed = pod.clone();
    changed.metadata.annotations = Some([("a".to_owned(), "b".to_owned())].into());
    node.client.update(changed).await.unwrap();
    agent.stop().await;
    let agent = node.agent().await;
    cluster.create("other", waiting()).await;
    cluster.until("other", is_ready).await;
    let pod = cluster.pod("web").unwrap();
    assert!(is_ready(&pod), "its end is not the pod's");
    assert_eq!(pod.status.unwrap().ephemeral_container_statuses, told);
    for name in ["web", "other"] {
        cluster.delete(name).await;
        cluster.until_absent(name).await;
    }
    agent.stop().await;
    node.finish().await;
}

/// The exit code of the pod's ephemeral container.
fn end(pod: &Pod) -> Option<i32> {
    let told = pod.status.as_ref()?.ephemeral_container_statuses.as_ref()?;
    let state = told.first()?.state.as_ref()?;
    state.terminated.as_ref().map(|end| end.exit_code)
}

fn waiting() -> Value {
    let app = shell("app", "exec /bin/busybox sleep 4711");
    json!({"terminationGracePeriodSeconds": 1, "containers": [app]})
}
